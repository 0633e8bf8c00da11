"""Means of changing files at random, and of bounding what a command makes of them."""

import random
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests import in_process

CPU_SECONDS = 10.0
ODD: list[Any] = [
    *(0, -1, 1, 2.5, 10**6, 10**9, 10**17, 10**30, 1e300, -0.0, True, False, None, "", " ", "~", "0", "1e3", "1_0"),
    *(
        "none",
        "digits",
        "digits@0",
        "digits@99999999999",
        "digits@-1",
        "@",
        "folder:",
        "folder:.",
        "folder:~",
        "hf:x/y",
    ),
    *(
        "parquet:*.parquet",
        "webdataset:{0..9}.tar",
        "fractals",
        "x" * 300,
        "x/" * 200,
        "../" * 50,
        "a\nb",
        "٣",
        "\u202e",
    ),
    *("timm:", "timm:nothing", "torchvision:vgg", "vit_pico", "vit_pico/0", "vit_pico/8:", "small", "./recipe.yaml"),
    *("[red]", "[/]", "%s{}", [], {}, [[]], [{}], [None], {"a": 1}, [1, "a"], list(range(3000)), ["vit_pico/8"] * 3),
]
WORDS = [
    *(
        "\n",
        "\t",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!int ",
        "!!bool maybe",
        "!!timestamp x",
    ),
    *(
        "!!python/name:os.system ",
        ".inf",
        ".nan",
        "9" * 5000,
        "1_000_",
        "2026-13-01",
        "'",
        '"',
        "|",
        ">",
        "#",
        "%YAML 9\n",
    ),
    *(
        "---\n",
        "...\n",
        "? ",
        "\ufeff",
        "\x00",
        "\x1b[2J",
        '"\\uD800"',
        '"\\0"',
        "é",
        "[" * 400,
        "a: {" * 400,
        "@",
        "`",
    ),
]


def change_values(content: Any, chance: random.Random, odd: list[Any] = ODD) -> None:
    """Give one to three fields or entries another value in place, whatever their depth."""
    for _ in range(chance.randint(1, 3)):
        holder: Any = content
        while True:
            places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not places:
                break
            place = chance.choice(places)
            if isinstance(holder[place], dict | list) and holder[place] and chance.random() < 0.7:
                holder = holder[place]
                continue
            if chance.random() < 0.1 and isinstance(holder, dict):
                holder[str(chance.choice(odd))[:50]] = holder.pop(place)
            else:
                holder[place] = chance.choice(odd)
            break


def ends_well(*words: str | Path, folder: Path) -> in_process.Ended:
    """Run a command within bounds, and see that it ends with 0 and no error, or with 2 and one message."""
    with within_bounds():
        ended = in_process.bench(*words, folder=folder)
    assert "Traceback" not in ended.said + ended.errors
    if ended.code == 0:
        assert not ended.errors
    else:
        assert ended.code == 2
        assert ended.errors.startswith("error: ")
        assert ended.errors.count("error: ") == 1
        assert len(ended.errors) < 10_000, "a message repeats the file"
    return ended


@contextmanager
def within_bounds() -> Iterator[None]:
    """See that the block takes neither ten seconds of this process' time nor a gibibyte more of memory."""
    start = time.process_time()
    with a_gibibyte_more():
        yield
    assert time.process_time() - start < CPU_SECONDS  # of this process alone, whatever else the machine does


@contextmanager
def a_gibibyte_more() -> Iterator[None]:
    """Raise MemoryError within, beyond a gibibyte more than the process has now; only Linux keeps to such a limit."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**30, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
