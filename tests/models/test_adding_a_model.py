"""`docs/adding-a-model.md`, followed: its changes are made in a copy of the tree, and its commands are run there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "adding-a-model.md"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the page's changes made."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("bench", "models", "tests/models"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tree)
    patch = "".join(f"{change}\n" for change in changes())
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=tree, check=True)
    return tree


def changes() -> list[str]:
    return re.findall(r"```diff\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def python(tree: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", *words], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_takes_under_30_lines() -> None:
    added = [line for change in changes() for line in change.splitlines() if re.match(r"\+(?!\+\+ )", line)]
    assert len(changes()) == 3
    assert 10 < len(added) < 30


def test_the_model_is_listed(tree: Path) -> None:
    entry = json.loads(python(tree, "bench", "models", "all_cnn", "--json"))[0]
    assert (entry["model"], entry["family"], entry["tokens"]) == ("all_cnn", "cnn", None)
    assert entry["parameters"] == pytest.approx(1.37e6, rel=0.01)  # as published, 1.4 M


def test_it_takes_weights_by_its_own_names(tree: Path) -> None:
    lines = (
        "import models, torch",
        "model = models.build('all_cnn', num_classes=3, seed=7)",
        "torch.save(model.state_dict(), 'own.pth')",
        "same = models.build('all_cnn:weights=own.pth', num_classes=3, seed=8)",
        "print(all(map(torch.equal, same.parameters(), model.parameters())))",
    )
    (tree / "use_weights.py").write_text("\n".join(lines), encoding="utf-8")
    assert python(tree, "use_weights") == "True\n"


@pytest.mark.slow
def test_the_contract_holds_it(tree: Path) -> None:
    report = python(
        tree, "pytest", "tests/models/test_model_contract.py", "-k", "all_cnn", "-q", "-p", "no:cacheprovider"
    )
    assert re.search(r"\b7 passed", report), report


def test_its_source_keeps_the_style(tree: Path) -> None:
    python(tree, "ruff", "check", "--no-cache", "models")
    python(tree, "ruff", "format", "--no-cache", "--check", "models")
