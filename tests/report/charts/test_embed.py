"""The script of the charts: made once, kept in the user's cache, and harmless inside a page."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import vl_convert

from bench.report.charts import embed


@pytest.fixture
def num_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What vl-convert bundled, in order; the script itself is a short one with a name of its own at the top."""
    made: list[str] = []

    def javascript_bundle(snippet: str) -> str:
        made.append(snippet)
        return f'const n = "</script><!--";{snippet}'

    monkeypatch.setattr(vl_convert, "javascript_bundle", javascript_bundle)
    return made


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache folder of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embed.bundle.cache_clear()
    yield tmp_path
    embed.bundle.cache_clear()


def cached(cache: Path) -> Path:
    (found,) = cache.rglob("*.js")
    return found


def of_a_new_process() -> str | None:
    embed.bundle.cache_clear()
    return embed.bundle()


def test_the_bundle_defines_what_draws_and_cannot_end_its_element() -> None:
    """The real one, as vl-convert makes it."""
    script = embed.bundle()
    assert script is not None
    assert "window.vegaEmbed" in script
    assert len(script) > 500_000
    assert "</script" not in script.lower()
    assert "<!--" not in script


def test_the_bundle_is_made_once(num_made: list[str], cache: Path) -> None:
    """Another process reads it from the cache; the same bytes."""
    first = embed.bundle()
    assert of_a_new_process() == first
    assert len(num_made) == 1
    assert cached(cache).is_relative_to(cache / "vit-cnn-hybrid-bench")


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"alert(1)", None])
def test_a_damaged_file_is_made_anew(num_made: list[str], cache: Path, damage: bytes | None) -> None:
    """Whether it is empty, not text, something else, or cut short."""
    first = embed.bundle()
    path = cached(cache)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5] if damage is None else damage)
    assert of_a_new_process() == first
    assert len(num_made) == 2
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(
    num_made: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    assert of_a_new_process() is not None
    assert of_a_new_process() is not None
    assert len(num_made) == 2


def test_scripts_do_not_meet_and_do_not_end_their_element(num_made: list[str]) -> None:
    """Names at the top of the bundle stay in a function; what would end the element is written in another way."""
    script = embed.bundle()
    assert script is not None
    assert script.startswith("(function () {")
    assert script.rstrip().endswith("})();")
    assert '"\\x3c/script>\\x3c!--"' in script


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_without_the_extra_there_is_none(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(embed, "find_spec", lambda name: None if name == missing else os)
    assert of_a_new_process() is None
    assert "report" in embed.HOW_TO_GET
