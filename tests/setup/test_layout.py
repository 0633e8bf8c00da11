"""The map of the packages: a folder for each stage, and one name for each thing."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "bench", ROOT / "models")
SHOWING = {"bench/cli", "bench/cli/compare", *(f"bench/report/{part}" for part in ("charts", "figures", "sections"))}
"""Folders whose files may bear the name of what they show."""


def sources() -> Iterator[Path]:
    """Yield the path of every module of the two packages, from the root on."""
    for package in PACKAGES:
        yield from (path.relative_to(ROOT) for path in sorted(package.rglob("*.py")))


def repeated(names: Iterable[tuple[str, Path]]) -> str:
    """Return the names that more than one place has, one per line."""
    places = defaultdict(list)
    for name, path in names:
        places[name].append(path.as_posix())
    return "\n".join(f"{name}: {', '.join(paths)}" for name, paths in sorted(places.items()) if len(paths) > 1)


def public_classes() -> Iterator[tuple[str, Path]]:
    """Yield the name and the module of every public class."""
    for path in sources():
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, path


def test_nothing_lies_loose_at_the_top_of_the_harness():
    assert {path.name for path in (ROOT / "bench").glob("*.py")} == {"__init__.py", "__main__.py", "errors.py"}


def test_no_module_name_stands_twice():
    modules = [path for path in sources() if path.stem != "__init__" and path.parent.as_posix() not in SHOWING]
    assert repeated((path.stem, path) for path in modules) == ""


def test_no_two_public_classes_have_one_name():
    assert repeated(public_classes()) == ""
