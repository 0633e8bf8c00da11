"""Read the YAML files that people write, and refuse whatever could mean something else than it seems to.

Suites and recipes, which hold everything that a person configures, are read here and nowhere else. A file is UTF-8 (a
byte-order mark is passed over) and holds one mapping of fields: text, numbers, true or false, lists and mappings.
Anchors, aliases and merge keys work within the limits below. `1e3` is a number, and a date is text. A field that
is given twice, a tag such as `!!int`, and a number without end are refused.
"""

import math
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from bench.errors import InputError
from models.spec.model_error import did_you_mean

MAX_BYTES = 1_000_000
MAX_LEVELS = 20
"""Lists and mappings within one another."""
MAX_VALUES = 10_000
"""Values of a file; what an alias stands for is counted each time."""
MAX_DIGITS = 18
"""Digits of a whole number."""

_STR, _MERGE, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("str", "merge", "int", "float"))
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def shipped(folder: Path) -> list[str]:
    """Return the names of the YAML files in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def name_of(path: str | Path) -> str:
    """Return the name that a file's path gives a suite or a recipe: its last part without `.yaml` or `.yml`.

    Raises:
        InputError: nothing is left, or what would be another folder.
    """
    name = Path(path).name.removesuffix(".yaml").removesuffix(".yml")
    if name in ("", ".", ".."):
        raise InputError(f"{str(path)!r} gives no name; the last part of a path is the name of its results")
    return name


def read_yaml(kind: str, name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Read a file of fields: a shipped one by its name, any other by its path.

    Args:
        kind: what the file is, for messages: `suite` or `recipe`.
        name: the shipped file's name, or a path, in which `~` is the user's folder.
        folder: the folder of the shipped files.

    Returns:
        The file's path and its content.

    Raises:
        InputError: there is no such file, or it is unreadable, not YAML, not a mapping, or beyond a limit.
    """
    path = path_of(name)
    if path is None and name not in (known := shipped(folder)):
        raise InputError(
            f"unknown {kind} {name[:100]!r}{did_you_mean(name, known)}; known: {', '.join(known)}, "
            "or the path of a .yaml file"
        )
    path = path or folder / f"{name}.yaml"
    return path, parse_yaml(_bytes_of(path, kind), f"{kind} {path}")


def path_of(name: str) -> Path | None:
    """Return the path that a name on the command line or in a suite is; None if it is a shipped file's name."""
    return expanded(name) if name.endswith((".yaml", ".yml")) or "/" in name else None


def expanded(path: str) -> Path:
    """Return a path in which a leading `~` or `~USER` is that user's folder; unknown users stay as they are."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def parse_yaml(content: bytes, source: str) -> dict[str, Any]:
    """Return the fields of a file's content.

    Args:
        content: the file's bytes.
        source: what begins a message: the kind of file and its path.

    Raises:
        InputError: the content is not UTF-8, not YAML, not a mapping, or beyond a limit.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{source}, line {line}: cannot be read: byte {content[error.start]:#04x} is not UTF-8; save the file as "
            "UTF-8"
        ) from None
    try:
        fields = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = "; ".join(filter(None, (error.context, error.problem)))
        kind = "" if isinstance(error, yaml.constructor.ConstructorError) else "not valid YAML: "
        raise InputError(f"{source}{where}: {kind}{problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"{source}, line {line}: not valid YAML: the character {text[error.position]!a} is not allowed"
        ) from None
    except (ValueError, OverflowError, RecursionError):
        # PyYAML lets these through, for an escape such as "\UFFFFFFFF".
        raise InputError(f"{source}: not valid YAML: a value in it cannot be read") from None
    if not isinstance(fields, dict):
        given = "an empty file" if fields is None else type(fields).__name__
        raise InputError(f"{source}: given {given}; it must be a mapping of fields")
    return fields


def _bytes_of(path: Path, kind: str) -> bytes:
    if "\0" in str(path):
        raise InputError(f"{kind} {str(path)!r}: cannot be read: no path holds the character \\0")
    try:
        # A pipe without a writer would never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{kind} {path}: cannot be read: it is not a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{kind} {path}: cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{kind} {path}: cannot be read: it is larger than {MAX_BYTES:,} bytes, the most allowed")
    return content


class _Loader(yaml.SafeLoader):
    """YAML's own loader with fewer kinds of values, and with limits that hold before anything is built."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012 (PyYAML's attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "null", "merge")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.levels = self.values = 0
        self.open_anchors: list[str] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read one value; count it, and refuse what is beyond a limit."""
        event = self.peek_event()
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self.open_anchors:
                _refuse(f"*{event.anchor} stands within what it stands for", mark)
            node = super().compose_node(parent, index)
            assert node is not None, "the parser refuses an unknown alias"
            self._count(node, mark)
            return node
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:100]
            _refuse(f"the tag {tag} is not allowed; leave it out, or put text in quotes", mark)
        self._enter(mark)
        self.open_anchors.append(event.anchor)
        node = super().compose_node(parent, index)
        self.open_anchors.pop()
        self.levels -= 1
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        elif isinstance(node, yaml.ScalarNode):
            _check_scalar(node)
        return node

    def _enter(self, mark: yaml.Mark) -> None:
        self.values += 1
        self.levels += 1
        if self.values > MAX_VALUES:
            _refuse(f"more than {MAX_VALUES:,} values, the most allowed (an alias counts as what it stands for)", mark)
        if self.levels > MAX_LEVELS:
            _refuse(f"more than {MAX_LEVELS} levels of lists and mappings, the most allowed", mark)

    def _count(self, node: yaml.Node, mark: yaml.Mark) -> None:
        """Count what an alias stands for."""
        self._enter(mark)
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._count(item, mark)
        elif isinstance(node, yaml.MappingNode):
            for pair in node.value:
                for item in pair:
                    self._count(item, mark)
        self.levels -= 1


_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"([-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
        r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


def _check_keys(node: yaml.MappingNode) -> None:
    """Refuse a field that is given twice, of which YAML would keep the last, and a field that is not text."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag not in (_STR, _MERGE):
            given = f"{key.value[:100]} as a field" if isinstance(key, yaml.ScalarNode) else "a list as a field"
            _refuse(f"{given}: a field is text; put it in quotes", key.start_mark)
        if key.value in seen:
            _refuse(f"field {key.value[:100]!r} is given twice", key.start_mark)
        seen.add(key.value)


def _check_scalar(node: yaml.ScalarNode) -> None:
    if node.tag == _INT and sum(map(str.isdigit, node.value)) > MAX_DIGITS:
        _refuse(f"a whole number of more than {MAX_DIGITS} digits", node.start_mark)
    if node.tag == _FLOAT and not math.isfinite(_number(node.value)):
        _refuse(f"{node.value[:100]}: a number has to be finite", node.start_mark)
    if control := _CONTROL.search(node.value):
        _refuse(f"text with the character {control[0]!a}, which is not allowed", node.start_mark)


def _number(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.replace("_", "").lower()))


def _refuse(problem: str, mark: yaml.Mark) -> None:
    raise yaml.constructor.ConstructorError(None, None, problem, mark)
