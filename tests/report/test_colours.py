"""The colours of marks can be told apart by everybody, in print without colour, and on light and dark paper.

Distances are CIE 1976 (the length of a step in L*a*b*). Deuteranopia is simulated by the matrix of Machado, Oliveira
and Fernandes (2009) for a full deficiency, applied to linear RGB.
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import bench.report
from bench.report.figures.drawing import COLOURS

STYLE = (Path(bench.report.__file__).parent / "templates" / "style.css").read_text()
SCHEMES = ("light", "dark")
FAMILIES = ("vit", "cnn", "hybrid")
PAIRS = ("pair-1", "pair-2", "pair-3")
WRITTEN = (*FAMILIES, *PAIRS, "other", "constant", "quiet", "ink", "link", "doubt")
"""Colours of texts; marks of these colours have names in the same colour beside them."""
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
LUMINANCE = TO_XYZ[1]


def linear(name: str, scheme: str) -> np.ndarray:
    """A CSS variable's colour as linear RGB, 0 to 1."""
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", STYLE)
    assert found, name
    digits = found[1 + SCHEMES.index(scheme)].removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    share = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(colour: np.ndarray) -> np.ndarray:
    """Linear RGB in L*a*b* under daylight (D65)."""
    scaled = TO_XYZ @ colour / (TO_XYZ @ np.ones(3))
    x, y, z = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    darker, lighter = sorted(float(LUMINANCE @ colour) + 0.05 for colour in (first, second))
    return lighter / darker


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(lab(np.clip(first, 0, 1)) - lab(np.clip(second, 0, 1))))


def test_the_measures_are_those_of_the_literature() -> None:
    """Black on white has a contrast of 21 and a distance of 100; sRGB red is at L* 53.24, a* 80.09, b* 67.20."""
    black, white = np.zeros(3), np.ones(3)
    assert contrast(black, white) == pytest.approx(21)
    assert distance(black, white) == pytest.approx(100)
    assert lab(np.array([1.0, 0.0, 0.0])) == pytest.approx([53.24, 80.09, 67.20], abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", WRITTEN)
def test_names_in_the_colour_of_their_mark_are_legible(name: str, scheme: str) -> None:
    """At 4.5:1, as small text must be; a mark would need 3:1."""
    assert contrast(linear(name, scheme), linear("paper", scheme)) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("first", "second"), [*combinations(FAMILIES, 2), *combinations(PAIRS, 2)])
def test_marks_differ_for_colour_blind_readers_and_in_grey(first: str, second: str, scheme: str) -> None:
    one, other = linear(first, scheme), linear(second, scheme)
    grey = [np.full(3, LUMINANCE @ colour) for colour in (one, other)]
    assert distance(one, other) >= 25
    assert distance(DEUTERANOPIA @ one, DEUTERANOPIA @ other) >= 25
    assert distance(grey[0], grey[1]) >= 10


@pytest.mark.parametrize("name", [*FAMILIES, *PAIRS, "constant"])
def test_printed_figures_have_the_colours_of_the_light_page(name: str) -> None:
    assert f"--{name}: light-dark({COLOURS[name]}, " in STYLE
