"""The set-up script: which Pythons it refuses and what it says then, and what it lets through from the environment.

The Python it is given is a stand-in that claims another version, or lacks a module; the packages are not installed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLAIM = """#!/bin/sh
[ "$1" != -c ] || exec "{python}" "$@"
exec "{python}" -c 'import runpy, sys
{claim}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$@"
"""

PYTHON_FOR_VENV = """#!/bin/sh
# Checks itself as a real Python does; makes an environment of recorders.
case $1 in requirements/*) exec "{python}" "$@" ;; esac
[ "$1 $2 $3" = "-m venv --clear" ] || exit 0
rm -rf "$4"
mkdir -p "$4/bin"
cp recorder "$4/bin/python"
cp recorder "$4/bin/uv"
"""

RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >>calls
env >environment
case "$(basename "$0") $*" in *"$FAIL_AT"*) [ -z "$FAIL_AT" ] || exit 1 ;; esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "path").mkdir()
    return tmp_path


@pytest.mark.parametrize("version", ["(2, 7, 18)", "(3, 10, 4)", "(3, 15, 0)"])
def test_python_outside_the_range_is_refused(project: Path, version: str) -> None:
    add_python(project, "python3", f"sys.version_info = {version}")
    result = make_setup(project)
    major, minor, _ = version.strip("()").split(", ")
    assert result.returncode != 0
    assert f"python3 is Python {major}.{minor} " in result.stderr
    assert "this project needs Python 3.11 to 3.14" in result.stderr
    assert "sudo apt install python3 python3-venv" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / ".venv").exists()


def test_supported_versions_are_accepted(project: Path) -> None:
    for minor in (11, 12, 13, 14):
        python = add_python(project, "python3", f"sys.version_info = (3, {minor}, 0)")
        assert subprocess.run([python, "requirements/check_python.py"], cwd=project).returncode == 0


def test_another_python_on_the_path_is_named(project: Path) -> None:
    add_python(project, "python3", "sys.version_info = (3, 9, 1)")
    add_python(project, "python3.12", "sys.version_info = (3, 12, 1)")
    add_python(project, "python3.13", 'sys.version_info = (3, 13, 1); sys.modules["ensurepip"] = None')
    result = make_setup(project)
    assert "This machine has a suitable Python: make setup PYTHON=python3.12" in result.stderr


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_python_without_venv_is_refused(project: Path, module: str) -> None:
    add_python(project, "python3", f'sys.version_info = (3, 12, 3); sys.modules["{module}"] = None')
    result = make_setup(project)
    assert result.returncode != 0
    assert "has no module venv" in result.stderr
    assert "sudo apt install python3.12-venv" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_python_at_all(project: Path) -> None:
    result = make_setup(project, "PYTHON=python-of-nobody")
    assert result.returncode != 0
    assert 'There is no Python named "python-of-nobody"' in result.stderr


@pytest.fixture
def recorded(project: Path) -> Path:
    """A project whose python3 makes environments that only record what is asked of them."""
    (project / "recorder").write_text(RECORDER)
    (project / "recorder").chmod(0o755)
    write_script(project / "path/python3", PYTHON_FOR_VENV.format(python=sys.executable))
    return project


def test_installs_the_pins_with_hashes_and_bytecode(recorded: Path) -> None:
    assert make_setup(recorded).returncode == 0
    assert calls(recorded) == [
        "python -m pip install --quiet --require-hashes -r requirements/uv.txt",
        "uv pip sync --python .venv/bin/python --require-hashes --compile-bytecode requirements/dev.txt",
        "uv pip install --python .venv/bin/python --quiet --no-deps --no-build-isolation --editable .",
        "python requirements/compile_renderers.py",
    ]
    assert (recorded / ".venv/.ready").exists()


@pytest.mark.parametrize("step", ["python -m pip", "uv pip sync", "uv pip install", "python requirements"])
def test_a_step_that_fails_leaves_no_mark(recorded: Path, step: str) -> None:
    assert make_setup(recorded, FAIL_AT=step).returncode != 0
    assert not (recorded / ".venv/.ready").exists()
    make_setup(recorded)
    assert (recorded / ".venv/.ready").exists()


def test_settings_of_the_caller_do_not_redirect_the_installation(recorded: Path) -> None:
    unwanted = {"UV_SYSTEM_PYTHON": "1", "UV_TARGET": "/t", "UV_CONSTRAINT": "c", "UV_TORCH_BACKEND": "cpu"}
    unwanted |= {"PIP_USER": "1", "PIP_TARGET": "/t", "PIP_NO_BINARY": ":all:", "PYTHONPATH": "/p", "PYTHONHOME": "/h"}
    wanted = {"UV_DEFAULT_INDEX": "i", "UV_CACHE_DIR": "/c", "UV_LINK_MODE": "copy", "PIP_INDEX_URL": "i"}
    wanted |= {"PIP_CERT": "/certificates", "PIP_CONFIG_FILE": "/f", "HTTPS_PROXY": "p", "SSL_CERT_FILE": "/s"}
    assert make_setup(recorded, **unwanted, **wanted).returncode == 0
    seen = dict(line.split("=", 1) for line in (recorded / "environment").read_text().splitlines() if "=" in line)
    assert not unwanted.keys() & seen.keys()
    assert wanted.items() <= seen.items()


def test_an_environment_that_still_runs_is_kept(recorded: Path) -> None:
    make_setup(recorded)
    (recorded / ".venv/kept").touch()
    (recorded / ".venv/.ready").unlink()
    make_setup(recorded)
    assert (recorded / ".venv/kept").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(recorded: Path) -> None:
    make_setup(recorded)
    for name in ("kept", ".ready", "bin/python"):
        (recorded / ".venv" / name).unlink(missing_ok=True)
    (recorded / ".venv/bin/python").symlink_to("/gone/python3.11")
    assert make_setup(recorded).returncode == 0
    assert (recorded / ".venv/bin/python").is_file()


def test_pins_are_whole_and_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        pins = [line for line in text.splitlines() if line[:1].isalnum()]
        assert pins
        assert all("==" in pin and pin.endswith("\\") for pin in pins), "a pin without a hash"
        assert "://" not in text
        assert "--index" not in text


def add_python(project: Path, name: str, claim: str) -> Path:
    """A Python that runs scripts as if `claim` held."""
    path = project / "path" / name
    write_script(path, CLAIM.format(python=sys.executable, claim=claim))
    return path


def write_script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def make_setup(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make setup` where the PATH has nothing but the system's tools and the project's stand-ins."""
    clean = {"PATH": f"{project / 'path'}:{tools(project)}", "HOME": str(project), "FAIL_AT": ""}
    return subprocess.run(
        ["make", "setup", *arguments], cwd=project, env=clean | environment, capture_output=True, text=True
    )


def tools(project: Path) -> Path:
    """The commands that the set-up uses, and no Python of the machine's own."""
    folder = project / "tools"
    if not folder.exists():
        folder.mkdir()
        for name in ("make", "sh", "env", "sed", "touch", "mkdir", "cp", "rm", "basename"):
            found = shutil.which(name)
            assert found, f"the tests need {name}"
            (folder / name).symlink_to(os.path.realpath(found))
    return folder


def calls(project: Path) -> list[str]:
    return (project / "calls").read_text().splitlines()
