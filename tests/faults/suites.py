"""The suites whose runs are killed: small, with all that a checkpoint has to bring back."""

from pathlib import Path

import yaml

RECIPE = {"batch_size": 16, "ema": 0.9, "mixup": 0.5, "label_smoothing": 0.1, "schedule": "linear"}
FIELDS = {
    "corpus": {"name": "fractals", "classes": 4},
    "targets": ["digits@40"],
    "seeds": [0],
    "images": {"pretrain": 160, "transfer": 96},
    "transfers": ["fine-tune", "linear"],
}
LAST_STEP = 16
"""Of training from scratch."""


def write_suite(folder: Path, models: list[str], subset: int) -> Path:
    """Write `suite.yaml` and its recipe into a folder, which it may be read from anywhere."""
    recipe, suite = folder / "averaged.yaml", folder / "suite.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    recipes = dict.fromkeys(("pretrain", "transfer"), str(recipe))
    content = FIELDS | {"models": models, "subsets": [subset], "recipes": recipes}
    suite.write_text(yaml.safe_dump(content), encoding="utf-8")
    return suite
