"""A report that is open in a browser: what it asked for and complained of, and what can be measured in it."""

from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

LOCAL = ("file:", "data:")
"""The addresses that a report may ask for."""

_WORDS = """() => {
  let words = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest('svg, select, script, style, template') || !parent.checkVisibility({visibilityProperty: true}))
      continue;
    words += walker.currentNode.data.split(/\\s+/).filter(Boolean).length;
  }
  return words;
}"""
_BEYOND = """() => {
  const width = document.documentElement.clientWidth;
  if (Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) <= width) return [];
  const scrolls = element => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== 'visible') return true;
    return false;
  };
  return [...document.body.querySelectorAll('*')]
    .filter(element => element.checkVisibility() && !scrolls(element)
      && element.getBoundingClientRect().right + window.scrollX > width + 0.5)
    .map(element => `${element.tagName.toLowerCase()}.${element.getAttribute('class') || element.id} ends at `
      + `${Math.round(element.getBoundingClientRect().right)} of ${width} px: `
      + element.textContent.trim().slice(0, 60));
}"""
_ROWS = """() => [...document.querySelectorAll('tr')]
  .filter(row => row.checkVisibility())
  .map(row => [Math.round(row.getBoundingClientRect().height), row.innerText.replace(/\\s+/g, ' ').slice(0, 80)])"""
_FIGURE_TEXT = """() => [...document.querySelectorAll('svg text')]
  .filter(text => text.textContent.trim() && text.checkVisibility({visibilityProperty: true, opacityProperty: true}))
  .map(text => {
    const matrix = text.getScreenCTM();
    const scale = Math.hypot(matrix.a, matrix.b);
    return [Math.round(10 * scale * parseFloat(getComputedStyle(text).fontSize)) / 10, text.textContent.trim()];
  })"""
_EMPTY_TABLES = """() => [...document.querySelectorAll('table')]
  .filter(table => !table.querySelector('tbody td'))
  .map(table => table.outerHTML.slice(0, 200))"""
_FOCUSED = """() => {
  const element = document.activeElement;
  const isNone = element === document.body || element === document.documentElement;
  return isNone ? '' : element.outerHTML.slice(0, 160);
}"""
_CONTROLS = """() => {
  const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  return [...document.querySelectorAll(controls)]
    .filter(element => !element.disabled && element.tabIndex === 0)
    .filter(element => element.checkVisibility({visibilityProperty: true}))
    .map(element => element.outerHTML.slice(0, 160));
}"""
_SHOWN_ROWS = """selector => [...document.querySelectorAll(`${selector} tbody tr:not(.details)`)]
  .filter(row => !row.hidden)
  .map(row => ({id: row.id, ...row.dataset, cells: [...row.cells].map(cell => cell.innerText.trim())}))"""


@dataclass
class OpenedPage:
    """One page in a context of its own."""

    context: BrowserContext
    page: Page
    requests: list[str] = field(default_factory=list)
    """The addresses that were asked for, in order."""
    messages: list[str] = field(default_factory=list)
    """What the console printed, and errors that no script caught."""

    def __post_init__(self) -> None:
        """Listen before the page opens."""
        self.page.set_default_timeout(10_000)  # for a busy machine; what never comes fails then
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))

    @property
    def complaints(self) -> list[str]:
        """What a page may not do: ask for another address than its own, or print to the console."""
        return [f"asked for {url}" for url in self.requests if not url.startswith(LOCAL)] + self.messages

    @property
    def height(self) -> int:
        """The height of the window in pixels."""
        size = self.page.viewport_size
        assert size is not None
        return size["height"]

    def read(self, script: str) -> Any:
        """Return what a JavaScript function returns in the page."""
        return self.page.evaluate(script)

    def violations(self) -> str:
        """Return what axe finds, one element a line; empty if it finds nothing."""
        found = Axe().run(self.page).response["violations"]
        return "\n".join(
            f"{violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))}: "
            + "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
            for violation in found
            for node in violation["nodes"]
        )

    def num_words(self) -> int:
        """Return the number of visible words outside figures and lists of choices."""
        return int(self.read(_WORDS))

    def num_screens(self) -> float:
        """Return the height of the page in windows."""
        return float(self.read("() => document.documentElement.scrollHeight")) / self.height

    def beyond(self) -> list[str]:
        """Return what makes the page wider than its window; empty if it is not."""
        return list(self.read(_BEYOND))

    def tall_rows(self, limit: int) -> list[str]:
        """Return the visible rows of tables that are higher than a limit in pixels."""
        return [f"{height} px: {text}" for height, text in self.read(_ROWS) if height > limit]

    def small_figure_text(self, limit: float) -> list[str]:
        """Return the visible texts of figures that are smaller than a limit in pixels."""
        return [f"{size} px: {text}" for size, text in self.read(_FIGURE_TEXT) if size < limit]

    def empty_tables(self) -> list[str]:
        """Return the tables without a cell, folded ones included."""
        return list(self.read(_EMPTY_TABLES))

    def text(self) -> str:
        """Return the text of the whole page, folded parts included, scripts excluded."""
        script = """() => [...document.body.querySelectorAll(':not(script, style, template)')]
          .flatMap(element => [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE))
          .map(node => node.data).join(' ')"""
        return str(self.read(script))

    def shown_rows(self, table: str = ".table[data-filtered]") -> list[dict[str, Any]]:
        """Return the rows that filters leave, with what they are filtered by and the texts of their cells."""
        return list(self.page.evaluate(_SHOWN_ROWS, table))

    def controls(self) -> list[str]:
        """Return the visible elements that take the focus, in the order of the page."""
        return list(self.read(_CONTROLS))

    def tab_stops(self, most: int = 2000) -> list[str]:
        """Press Tab from the top until the focus leaves the page; return the elements that it reached, in order."""
        stops: list[str] = []
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if not (stop := str(self.read(_FOCUSED))):
                break
            stops.append(stop)
        return stops
