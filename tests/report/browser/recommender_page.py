"""A page with the recommender alone, and what stands on it for some questions."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page as BrowserPage

from bench.analysis.recommend.question import Measured
from bench.report.page import FirstScreen, Page
from bench.report.recommender import recommender
from bench.report.rendering import as_html

Form = Mapping[str, str]
"""Field -> what is typed there."""

_READ = """async fragments => {
  const texts = (root, selector) => [...root.querySelectorAll(selector)].map(part => part.textContent);
  const found = [];
  for (const fragment of fragments) {
    if (location.hash !== fragment) {
      const changed = new Promise(resolve => addEventListener('hashchange', resolve, {once: true}));
      location.hash = fragment;
      await changed;
    }
    const answer = document.getElementById('recommendation');
    const others = document.getElementById('others');
    found.push({
      wrong: texts(answer, '.wrong'), recommended: texts(answer, '.recommended'), refusal: texts(answer, '.refusal'),
      help: texts(answer, '.help'), why: texts(answer, '.why'), compared: texts(answer, '.compared'),
      candidates: others.hidden ? [] : [...others.querySelectorAll('ol > li')].map(item =>
        Object.fromEntries([...item.querySelectorAll('[class]')].map(part => [part.className, part.textContent]))),
      notes: others.hidden ? [] : texts(others, 'ul > li'),
    });
  }
  return found;
}"""


def write_page(measured: Measured, path: Path, with_weights: Collection[str] = ()) -> Path:
    """Write a page with the recommender alone; returns its path."""
    page = Page(
        "recommender", FirstScreen("Which model?", measured.suite, recommender=recommender(measured, with_weights))
    )
    path.write_text(as_html(page), encoding="utf-8")
    return path


def shown(page: BrowserPage, forms: Sequence[Form]) -> list[dict[str, Any]]:
    """Return what stands on an open page for each of some filled forms."""
    found: list[dict[str, Any]] = page.evaluate(_READ, [f"#{urlencode(form)}&view=error" for form in forms])
    return found
