"""Turn a figure's SVG file into a fragment of a page, which follows the page's colours and font.

The fragment is what the page shows in print, without JavaScript and without the libraries of the interactive charts.
It has no header, no style sheet of its own, and no id that another figure has. The heading of the page replaces the
title, which remains as the text for readers who cannot see the figure.
"""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from bench.report.figures.drawing import BACKGROUND, COLOURS, TITLE

_NAMES = {colour: name for name, colour in COLOURS.items()}
_AIR = 5.0
"""The space below the title that goes with it, in points."""
_WIDEST = 1.6
"""The largest width on a screen, in pixels per point; text is then as large as that of the page."""


def inline_svg(path: Path, *, with_title: bool = False) -> str:
    """Return the SVG of a saved figure as an element for an HTML page.

    Colours become the CSS variables of `COLOURS`, so that one fragment serves light, dark and print.

    Args:
        path: The SVG file, as `save` writes it. Its name distinguishes the ids of figures on one page.
        with_title: Whether the title stays, since no heading of the page is about this figure alone.
    """
    root = ElementTree.parse(path).getroot()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
        element.text = (element.text or "").strip() if element.tag != "text" else element.text
        element.tail = None
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    cut = 0.0 if with_title else _end_of_title(root)
    _remove(root, BACKGROUND if with_title else (BACKGROUND, TITLE))
    _rename_ids(root, path.stem)
    for element in root.iter():
        _restyle(element)
    _flatten(root)
    root.attrib = {
        "role": "img",
        "viewBox": f"{left:g} {top + cut:g} {width:g} {height - cut:g}",
        "style": f"width:{_WIDEST * width:.0f}px;max-width:100%;fill:var(--ink);stroke-linejoin:round",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _end_of_title(root: Element) -> float:
    """Return where the title ends, in points from the top; 0 without a title."""
    placed = [text.attrib["transform"] for group in root.iter("g") if group.get("id") == TITLE for text in group]
    return max((float(re.findall(r"[\d.]+", place)[1]) + _AIR for place in placed), default=0.0)


def _remove(parent: Element, groups: str | tuple[str, ...]) -> None:
    """Remove groups by the beginning of their ids, and metadata and style sheets, which a page has of its own."""
    for child in list(parent):
        _remove(child, groups)
        is_own = child.tag in ("metadata", "style") or child.get("id", "").startswith(groups)
        if is_own or (child.tag in ("g", "defs") and not len(child)):
            parent.remove(child)


def _rename_ids(root: Element, prefix: str) -> None:
    """Give every id that something refers to a name of this figure alone, and remove the others."""
    used = re.findall(
        r"#(\w+)", " ".join(f"{each.get('href', '')} {each.get('clip-path', '')}" for each in root.iter())
    )
    names = {old: f"{prefix}-{number}" for number, old in enumerate(dict.fromkeys(used))}
    for element in root.iter():
        if name := names.get(element.attrib.pop("id", "")):
            element.set("id", name)
        for attribute in ("href", "clip-path"):
            if attribute in element.attrib:
                element.set(
                    attribute, re.sub(r"#(\w+)", lambda found: f"#{names[found[1]]}", element.get(attribute, ""))
                )


def _flatten(parent: Element) -> None:
    """Put the contents of groups without attributes in the places of these groups."""
    for child in parent:
        _flatten(child)
    parent[:] = [each for child in parent for each in (child if child.tag == "g" and not child.attrib else [child])]


def _restyle(element: Element) -> None:
    """Put variables in place of colours, leave the font to the page, and round coordinates."""
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    for name, value in element.attrib.items():
        if name == "style":
            kept = [part.strip() for part in value.split(";") if not part.strip().startswith("font-family")]
            element.set(name, re.sub(r"#[0-9a-f]{6}", _variable, ";".join(kept).replace(": ", ":")))
        elif name in ("d", "x", "y", "transform", "width", "height"):
            element.set(name, re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.4g}", " ".join(value.split())))


def _variable(found: re.Match[str]) -> str:
    return f"var(--{_NAMES[found[0]]})"
