"""The corpus `fractals`: a class is an iterated function system (Kataoka et al. 2020)."""

import numpy as np

from bench.data.formula import Formula, Keys, Longs, Pixels, RenderSettings


def _new_class(key: np.uint64) -> Longs:
    """Return the parameters (4, 7) of a system."""
    from bench.data.fractals.render import accepted_system

    return accepted_system(key)


def _draw_images(parameters: Longs, rows: Longs, keys: Keys, settings: RenderSettings, out: Pixels) -> None:
    from bench.data.fractals.render import draw_images

    draw_images(parameters, rows, keys, settings, out)


FRACTALS = Formula("fractals", 1, "fractals drawn by formula, in any number", "system", (), _new_class, _draw_images)
