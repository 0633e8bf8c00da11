"""Provide the scripts that draw interactive charts: Vega, Vega-Lite and Vega-Embed, for a page's own `<script>`.

They come from vl-convert, which takes a second or two to bundle them, so the bundle is cached.
"""

import contextlib
import hashlib
import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bench.data.sources.user_cache import cache_path
from bench.files.atomic import whole_file

HOW_TO_GET = "The charts are pictures here. For charts that react, run `pip install -e '.[report]'` and report again."
"""What a page says if the extra `report` is not installed."""
_EXPOSED = "window.vegaEmbed = vegaEmbed;"


@cache
def bundle() -> str | None:
    """Return the text of a `<script>` that defines `vegaEmbed`; None without the extra `report`."""
    if not (find_spec("altair") and find_spec("vl_convert")):
        return None
    cached = cache_path("charts", f"vl-convert-python {version('vl-convert-python')}\0{_EXPOSED}", ".js")
    known = _read(cached)
    return known if known is not None else _made(cached)


def inline(script: str) -> str:
    """Return a script as text that cannot end its `<script>` element; inside strings and patterns it means the same."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", script, flags=re.IGNORECASE)


def _read(cached: Path) -> str | None:
    """Return a cached script; None if there is none, or if it is not what was written."""
    with contextlib.suppress(OSError, ValueError):
        digest, _, script = cached.read_text(encoding="utf-8").partition("\n")
        if digest == _digest(script):
            return script
    return None


def _made(cached: Path) -> str:
    import vl_convert

    # The names at the top of the bundle are short and many; in a function they cannot meet those of other scripts.
    script = inline(f'(function () {{"use strict";\n{vl_convert.javascript_bundle(_EXPOSED)}\n}})();\n')
    with contextlib.suppress(OSError):  # the script serves without the cache, too
        cached.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cached) as temporary:
            temporary.write_text(f"{_digest(script)}\n{script}", encoding="utf-8", newline="\n")
    return script


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
