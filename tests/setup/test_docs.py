"""What the docs say of the tree, as far as a test can check it."""

import re
from pathlib import Path

import pytest

from tests.analysis.simulated.table import HEADER, MODULES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PATHS = re.compile(r"`((?:bench|models|tests|docs|requirements)/[\w./-]*)`")
LINKS = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
TARGETS = re.compile(r"\bmake ([a-z]+(?:-[a-z]+)*)\b(?=[`\s]*(?:`|$|[A-Z]+=|\s{2,}#))", re.MULTILINE)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_links_exist(page: Path) -> None:
    text = text_of(page)
    missing = {path for path in PATHS.findall(text) if not (ROOT / path).exists()}
    missing |= {link for link in LINKS.findall(text) if not (page.parent / link).exists()}
    assert not missing


def test_architecture_names_each_folder() -> None:
    text = text_of(ROOT / "docs" / "architecture.md")
    packages = {
        path.parent.relative_to(ROOT) for name in ("bench", "models") for path in (ROOT / name).rglob("__init__.py")
    }
    unnamed = {folder.as_posix() for folder in packages if f"`{folder.as_posix()}/`" not in text}
    assert unnamed <= {"bench"}


def test_architecture_links_each_page() -> None:
    text = text_of(ROOT / "docs" / "architecture.md")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"architecture.md"}
    assert pages == {link for link in LINKS.findall(text) if link.endswith(".md")}


def test_architecture_has_the_order_of_the_import_contract() -> None:
    contract = re.search(r"layers = \[(.*?)\]", text_of(ROOT / "pyproject.toml"), re.DOTALL)
    assert contract
    layers = [layer for layer in re.findall(r'"(.*?)"', contract[1]) if layer != "__main__"]
    assert " > ".join(layers) in text_of(ROOT / "docs" / "architecture.md")


def test_each_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {name for page in PAGES for name in TARGETS.findall(text_of(page))}
    assert {"bench", "report", "test", "throughput"} <= named
    assert not named - targets


def test_readme_lists_what_make_offers_a_user() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE))
    listed = set(re.findall(r"^\| `make ([a-z-]+)", text_of(ROOT / "README.md"), re.MULTILINE))
    assert listed == targets - {"lint", "types", "pins", "clean"}


def test_each_simulated_row_names_the_test_that_repeats_it() -> None:
    header = f"| {' | '.join(HEADER)} |"
    lines = [line for page in PAGES for line in text_of(page).splitlines()]
    assert header in lines
    rows = [line.strip("| ").split(" | ") for line in lines if line.endswith(" |") and line != header]
    named = {cells[-1] for cells in rows if len(cells) == len(HEADER) and cells[2] in ("right", "wrong")}
    assert {"coverage", "bent_curves", "looks"} <= named <= {*MODULES}
