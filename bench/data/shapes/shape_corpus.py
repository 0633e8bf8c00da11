"""The corpus `shapes`: a class is an outline that is filled with a texture."""

import numpy as np

from bench.data.formula import Formula, Keys, Longs, Pixels, RenderSettings


def _new_class(key: np.uint64) -> Longs:
    """Return the parameters (2, 12) of an outline and of a texture."""
    from bench.data.shapes.filled_outline import new_shape

    return new_shape(key)


def _draw_images(parameters: Longs, rows: Longs, keys: Keys, settings: RenderSettings, out: Pixels) -> None:
    from bench.data.shapes.filled_outline import draw_shapes

    draw_shapes(parameters, rows, keys, settings, out)


SHAPES = Formula(
    "shapes",
    1,
    "outlines filled with textures, both drawn by formula, in any number",
    "shape",
    ("shapes",),
    _new_class,
    _draw_images,
)
