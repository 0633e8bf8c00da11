"""The page's numbers and intervals against Python's, in a browser."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from scipy import stats

import bench.report
from bench.analysis.format import byte_size, count, percent, short_count, steady, three_digits
from bench.analysis.stats.crossed import CROSSED, Estimate
from bench.analysis.stats.multiple import corrected_level
from bench.analysis.stats.power import MOST_SEEDS, Limits, seed_factors, seeds_needed
from bench.analysis.stats.verdicts import FEW_SEEDS, verdict_interval

SCRIPTS = Path(bench.report.__file__).parent / "templates" / "script"
TIES = [0.0, -0.0, 0.25, 0.75, 2.5, 12.5, 0.125, 1.125, 1.375, 1e-5, 0.000123456, 99.95, 99.949, 999.5, 1000.5, 1234.5]
Evaluate = Callable[[str, Sequence[Any]], list[Any]]


@pytest.fixture
def evaluate(browser: Browser) -> Iterator[Evaluate]:
    """Return what a function of the page's scripts returns for each value."""
    page = browser.new_page()
    source = "\n".join((SCRIPTS / name).read_text(encoding="utf-8") for name in ("numbers.js", "intervals.js"))
    yield lambda function, values: page.evaluate(f"values => {{ {source}\n return values.map({function}); }}", values)
    page.close()


def numbers() -> list[float]:
    """Numbers of all sizes, and numbers half-way between two texts."""
    draws = np.random.default_rng(0)
    return [*TIES, *(10 ** draws.uniform(-7, 14, 2000)), *(draws.integers(0, 10**6, 500) / 8).tolist()]


@pytest.mark.parametrize(
    ("function", "show"),
    [
        ("threeDigits", three_digits),
        ("shortCount", lambda value: short_count(int(value))),
        ("wholeNumber", count),
        ("byteSize", byte_size),
        ("value => percentWithBounds(value, -value, value / 3)", lambda value: percent(value, -value, value / 3)),
        ("steadyNumber", steady),
        ("value => significantDigits(value, 6)", lambda value: f"{value:g}"),
    ],
)
def test_numbers_have_the_texts_of_python(function: str, show: Callable[[float], Any], evaluate: Evaluate) -> None:
    values = [float(int(value)) for value in numbers()] if function == "shortCount" else numbers()
    for value, found in zip(values, evaluate(function, values), strict=True):
        assert found == show(value), value


def test_what_was_not_measured_is_a_dash(evaluate: Evaluate) -> None:
    functions = ("threeDigits", "shortCount", "wholeNumber", "byteSize", "percentWithBounds")
    assert evaluate("name => eval(name)(NaN)", functions) == ["\N{EN DASH}"] * len(functions)


def test_quantiles_are_those_of_scipy(evaluate: Evaluate) -> None:
    draws = np.random.default_rng(1)
    degrees = [1.0, 2.0, 3.0, 4.0, 5.0, 999.0, *(10 ** draws.uniform(0, 5, 200))]
    probabilities = [(1 + corrected_level(number)) / 2 for number in range(1, 40)]
    asked = [(one, probabilities[place % 39]) for place, one in enumerate(degrees)]
    found = evaluate("([degrees, probability]) => studentQuantile(degrees, {probability})", asked)
    assert found == pytest.approx([stats.t.ppf(probability, one) for one, probability in asked], rel=1e-9)


def test_intervals_and_seeds_are_those_of_verdicts(evaluate: Evaluate) -> None:
    """Of few and of many seeds, with and without a part of the test images, long on either side."""
    draws, asked, expected = np.random.default_rng(2), [], []
    for _ in range(150):
        seeds = int(draws.integers(2, 12))
        images = float(draws.choice([0.0, 10 ** draws.uniform(-7, -3)]))
        degrees = float(draws.choice([math.inf, draws.uniform(50, 5000)])) if images else math.inf
        spread, third, mean = 10 ** draws.uniform(-7, -3), draws.normal(0, images**1.5), draws.normal(0, 0.02)
        estimate = Estimate(mean, seeds, spread, seeds - 1, images, degrees, CROSSED, images_third=third)
        number, limit = int(draws.integers(1, 12)), draws.uniform(0, 0.05)
        level = corrected_level(number)
        interval, needed = verdict_interval(estimate, level), seeds_needed(estimate, Limits(-math.inf, limit), level)
        expected.append([interval.low, interval.high, needed.seeds or (-1 if needed.images_forbid else 0)])
        plain = {"mean": mean, "seeds": seeds, "seedsVariance": spread, "imagesVariance": images, "imagesThird": third}
        plain["imagesDegrees"] = degrees if math.isfinite(degrees) else None
        probability = (1 + level) / 2
        of_level = {"probability": probability, "normal": float(stats.norm.ppf(probability))}
        asked.append([plain, of_level, limit, seed_factors(seeds), MOST_SEEDS, FEW_SEEDS])
    function = """([estimate, level, limit, factors, most, few]) => {
      estimate.imagesDegrees ??= Infinity;
      return [...verdictInterval(estimate, level, few), seedsThatTell(estimate, limit, level, factors, most, few)];
    }"""
    found = evaluate(function, asked)
    assert {0, -1} < {needed for *_, needed in expected}
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-8, abs=1e-12)
