"""The corpus `strokes`: a class is a figure of one to three pen strokes."""

import numpy as np

from bench.data.formula import Formula, Keys, Longs, Pixels, RenderSettings


def _new_class(key: np.uint64) -> Longs:
    """Return the points (3, 5, 3) of a figure."""
    from bench.data.strokes.pen import accepted_strokes

    return accepted_strokes(key)


def _draw_images(parameters: Longs, rows: Longs, keys: Keys, settings: RenderSettings, out: Pixels) -> None:
    from bench.data.strokes.pen import draw_strokes

    draw_strokes(parameters, rows, keys, settings, out)


STROKES = Formula(
    "strokes", 1, "pen strokes drawn by formula, in any number", "figure", ("strokes",), _new_class, _draw_images
)
