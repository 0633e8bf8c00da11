"""YAML files: what has no end, or more than one meaning, is refused with its line."""

import os
import tracemalloc

import pytest

from bench.config.recipe import load_recipe
from bench.config.yaml_file import MAX_BYTES, MAX_VALUES, name_of, parse_yaml, path_of, read_yaml
from bench.errors import InputError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 10)
)
MERGED = "b0: &b0 {x: 1}\n" + "".join(
    f"b{number}: &b{number} {{<<: [{', '.join([f'*b{number - 1}'] * 9)}]}}\n" for number in range(1, 10)
)
CHAIN = "c0: &c0 [[[[[[[[x]]]]]]]]\nc1: &c1 [[[[[[[[*c0]]]]]]]]\nc2: [[[[[[[[*c1]]]]]]]]\n"


def refusal(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_yaml(text.encode() if isinstance(text, str) else text, "suite x.yaml")
    message = str(caught.value)
    assert message.startswith("suite x.yaml")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: 1\nb: 2\na: 3", ["line 3", "field 'a' is given twice"]),
        ("a: {b: 1, 'b': 2}", ["line 1", "field 'b' is given twice"]),
        ("a: &x {b: 1}\nc: {<<: *x, <<: *x}", ["line 2", "field '<<' is given twice"]),
        ("a: {1: 2}", ["line 1", "1 as a field", "quotes"]),
        ("a: {on: 2}", ["on as a field", "quotes"]),
        ("? [a]\n: 2", ["a list as a field", "quotes"]),
        (BOMB, ["line 5", f"{MAX_VALUES:,} values", "alias"]),
        (MERGED, ["line 5", f"{MAX_VALUES:,} values", "alias"]),
        (CHAIN, ["line 3", "20 levels"]),
        ("a: &a [1, *a]", ["line 1", "*a stands within what it stands for"]),
        ("a: *b", ["line 1", "undefined alias"]),
        ("a:\n  " + "[" * 100_000, ["line 2", "20 levels"]),
        ("a: " + "{b: " * 300 + "1" + "}" * 300, ["line 1", "20 levels"]),
        ("a: !!bool maybe", ["line 1", "the tag !!bool is not allowed"]),
        ("a: !!int abc", ["the tag !!int is not allowed"]),
        ("a: !!python/object:os.system [ls]", ["the tag !!python/object:os.system is not allowed"]),
        ("a: .inf", ["line 1", ".inf: a number has to be finite"]),
        ("a: -.INF", ["-.INF: a number has to be finite"]),
        ("a: .NaN", [".NaN: a number has to be finite"]),
        ("a: 1e999", ["1e999: a number has to be finite"]),
        ("a: " + "9" * 5000, ["line 1", "more than 18 digits"]),
        ('a: "b\\0c"', ["line 1", "'\\x00'"]),
        ('a: "\\uD800"', ["line 1", "'\\ud800'"]),
        ('a: "\\UFFFFFFFF"', ["a value in it cannot be read"]),
        ("a: 1\nb: \x00", ["line 2", "the character '\\x00' is not allowed"]),
        ("a: 1\nname: caf\xe9".encode("latin-1"), ["line 2", "0xe9 is not UTF-8"]),
        ("a: 1\n  b: 2", ["line 2", "mapping values are not allowed here"]),
        ("a: 1\n---\nb: 2", ["but found another document"]),
        ("", ["an empty file", "it must be a mapping of fields"]),
        ("- a", ["given list"]),
    ],
)
def test_what_has_no_end_or_two_meanings_is_refused_with_its_line(text, parts):
    message = refusal(text)
    for part in parts:
        assert part in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("1_000", 1000),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("2026-13-01", "2026-13-01"),
        ("1_000_", "1_000_"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("yes", True),
        ("~", None),
        ("nano", "nano"),
    ],
)
def test_a_plain_value_is_a_number_only_if_it_looks_like_one(text, value):
    read = parse_yaml(f"a: {text}".encode(), "suite x.yaml")["a"]
    assert (type(read), read) == (type(value), value)


def test_merge_keys_fill_in_what_a_mapping_leaves_out():
    text = b"\xef\xbb\xbfbase: &base {a: 1, b: 2}\nmine: {<<: *base, b: 3}\n"
    assert parse_yaml(text, "suite x.yaml") == {"base": {"a": 1, "b": 2}, "mine": {"a": 1, "b": 3}}


def test_a_bomb_takes_no_memory():
    tracemalloc.start()
    refusal(BOMB)
    refusal(MERGED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


def test_recipes_are_read_by_the_same_rules(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("learning_rate: 0.1\nbatch_size: 8\nlearning_rate: 0.2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"recipe .*twice.yaml, line 3: .*'learning_rate' is given twice"):
        load_recipe(str(path))


def test_a_file_that_is_none_or_has_no_end_is_named(tmp_path):
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, problem in (
        ("huge.yaml", "larger than 1,000,000 bytes"),
        ("folder.yaml", "not a file"),
        ("pipe.yaml", "not a file"),
        ("x" * 300 + ".yaml", "File name too long"),
        ("a\0b.yaml", "no path holds"),
    ):
        with pytest.raises(InputError, match=f"cannot be read: .*{problem}"):
            read_yaml("suite", str(tmp_path / name), tmp_path)


def test_a_suite_has_one_name_for_all_commands_and_a_tilde_is_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "exp.v2").write_text("a: 1", encoding="utf-8")
    path, content = read_yaml("suite", "~/exp.v2", tmp_path)
    assert (path, content) == (tmp_path / "exp.v2", {"a": 1})
    assert [name_of(name) for name in ("~/exp.v2", "exp.v2", "b/exp.v2.yaml", "exp.yml")] == [*["exp.v2"] * 3, "exp"]
    assert path_of("exp") is None
