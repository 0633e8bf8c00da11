"""Check whether the project can be set up with this Python, and if not, say what to install.

`PYTHON check_python.py [NAME]` exits with 0, or with 1 and a message that calls this Python NAME. The supported
versions are those of `requires-python` in pyproject.toml. The script also runs on Python 2.7, to report old versions.
"""

import os
import re
import sys

PYPROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "pyproject.toml")

WHERE = """\
  Debian, Ubuntu   sudo apt install python3 python3-venv
  Fedora           sudo dnf install python3
  macOS            brew install python
  anywhere         an installer from python.org, or pyenv
To use another Python than python3, set PYTHON: make setup PYTHON=/path/to/python"""


def main(name):
    message = find_problem(name)
    if message:
        print(message)
    return 1 if message else 0


def find_problem(name):
    lowest, beyond = supported_versions()
    if not lowest <= sys.version_info[:2] < beyond:
        return "%s is Python %d.%d (%s); this project needs Python %d.%d to %d.%d. To install one:\n%s" % (
            (name,) + tuple(sys.version_info[:2]) + (sys.executable,) + lowest + (beyond[0], beyond[1] - 1) + (WHERE,)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return (
            "%s (%s) has no module venv, which creates the project's environment. On Debian and Ubuntu:\n"
            "  sudo apt install python%d.%d-venv\n"
            "On other systems, install a Python that has it:\n%s"
        ) % ((name, sys.executable) + tuple(sys.version_info[:2]) + (WHERE,))
    return None


def supported_versions():
    """Return the lowest supported version and the first one that is too new, each as (major, minor)."""
    with open(PYPROJECT) as file:
        bounds = re.search(r'^requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"', file.read(), re.M).groups()
    numbers = tuple(int(bound) for bound in bounds)
    return numbers[:2], numbers[2:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else sys.executable))
