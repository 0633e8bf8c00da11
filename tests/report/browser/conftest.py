"""Fixtures that open a report in Chromium. Without Chromium the tests of this folder are skipped, with one message.

With `BENCH_REQUIRE_BROWSER=1`, as in continuous integration, they fail instead.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.report.browser.opened import OpenedPage
from tests.report.browser.stores import STORES

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
REQUIRED = "BENCH_REQUIRE_BROWSER"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""Chromium neither asks the network for anything of its own nor needs a display or rights."""
SHOWN = ["usual", *(pytest.param(name, marks=pytest.mark.slow) for name in ("reference-cpu", "hostile"))]
"""The stores whose pages most tests open."""

OpenPage = Callable[..., OpenedPage]
WriteStore = Callable[[str], Path]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = f"no Chromium: none of {', '.join(NAMES)} is on the PATH; install the distribution's package chromium"
        (pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip)(message)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser for the tests of one file; its event loop ends before other tests start theirs."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> WriteStore:
    """Write the report of a store of `STORES` when it is first asked for; returns `index.html`."""
    written: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in written:
            written[name] = STORES[name]().write(tmp_path_factory.mktemp("report") / name)
        return written[name]

    return write


@pytest.fixture
def open_page(browser: Browser, report_of: WriteStore) -> Iterator[OpenPage]:
    """Open a report without a network; at the end no page may have asked for one or printed to the console."""
    opened: list[OpenedPage] = []

    def open_one(
        report: str | Path,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        javascript: bool = True,
        fragment: str = "",
    ) -> OpenedPage:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=javascript,
            offline=True,
        )
        one = OpenedPage(context, context.new_page())
        opened.append(one)
        path = report_of(report) if isinstance(report, str) else report
        one.page.goto(path.as_uri() + fragment)
        return one

    yield open_one
    complaints = [complaint for one in opened for complaint in one.complaints]
    for one in opened:
        one.context.close()
    assert complaints == []
