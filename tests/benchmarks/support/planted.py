"""The project in a repository of its own, made slower by a known factor: what `bench compare --rerun` has to notice.

After the work itself, what is planted keeps the processor busy for a share of the time that the work took of it. So the
factor is the same on any machine, however busy that is.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.machine.environment import ROOT

FOLDERS = ("bench", "models", "requirements")
FILES = ("pyproject.toml", "README.md")
AUTHOR = ("-c", "user.name=planted", "-c", "user.email=planted@localhost")

SLOWER_FORWARD = """

import time

_build, _shares = build, {shares}


def build(spec, **options):
    model = _build(spec, **options)
    model.share_of_a_step = _shares.get((str(spec), "training"), 0.0)
    forward, share = model.forward, _shares.get((str(spec), "inference"), 0.0)

    def slower(images):
        began = time.thread_time()
        answer = forward(images)
        end = time.thread_time() + share * (time.thread_time() - began) * (not model.training)
        while time.thread_time() < end:
            pass
        return answer

    model.forward = slower
    return model
"""
SLOWER_STEP = """

_take_step = Training.take_step


def _slower(self, *batch_and_rate):
    began = time.thread_time()
    _take_step(self, *batch_and_rate)
    end = time.thread_time() + getattr(self.model, "share_of_a_step", 0.0) * (time.thread_time() - began)
    while time.thread_time() < end:
        pass


Training.take_step = _slower
"""
BLOCKS = "        for layer, block in enumerate(self.blocks):\n"
ONE_MORE_BLOCK = "        self.blocks[0](tokens, self.position, 0)\n"


def new_project(folder: Path) -> Path:
    """Copy the sources into a repository with one commit."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / ".gitignore").write_text("__pycache__/\n")
    for words in (("init", "--quiet"), ("add", "--all"), (*AUTHOR, "commit", "--quiet", "--message", "all")):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return folder


def slow_down(project: Path, shares: Mapping[tuple[str, str], float]) -> None:
    """Lengthen tasks of models by shares of their time: 0.1 for `("vit_pico/8", "inference")` is 10 %."""
    for name, code in (("models/registry.py", SLOWER_FORWARD), ("bench/training/trainer.py", SLOWER_STEP)):
        with (project / name).open("a") as file:
            file.write(code.replace("{shares}", repr(dict(shares))))


def add_a_block(project: Path) -> None:
    """Have ViTs do the work of their first block once more, for nothing."""
    path = project / "models" / "vit.py"
    source = path.read_text()
    assert source.count(BLOCKS) == 1
    path.write_text(source.replace(BLOCKS, ONE_MORE_BLOCK + BLOCKS))


def compare_with_last_commit(project: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """The command's exit code in a project, and what it printed."""
    command = [sys.executable, "-m", "bench", "compare", "--rerun", "HEAD", "--json", *options]
    done = subprocess.run(command, cwd=project, env=environment_of(project), capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def environment_of(project: Path) -> dict[str, str]:
    """In which Python imports a project's code, and none of ours."""
    return os.environ | {"PYTHONPATH": str(project), "NO_COLOR": "1"}
