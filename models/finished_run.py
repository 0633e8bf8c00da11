"""Load a finished run's model, ready to use: weights, preprocessing and class names from the run's own folder.

Reads `record.json` and `weights.safetensors`, which hold data and no code. Refuses a folder that holds no finished run,
and weights that don't fit the recorded model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from models.contract import Classifier
from models.pixel_values import as_rgb
from models.registry import build
from models.spec.model_error import SpecError
from models.spec.model_spec import ModelSpec, parse_spec
from models.weights import load_weights, read_weights

MAX_IMAGE_SIZE = 4096
"""Of a side, in pixels; runs have no larger one."""


@dataclass(frozen=True)
class Preprocessing:
    """The run's preprocessing: the largest central square at `image_size` pixels, RGB, scaled."""

    image_size: int
    mean: float
    std: float

    def __call__(self, image: Image.Image | np.ndarray) -> Tensor:
        """Map an image of any mode and size, or uint8 (height, width, 3), to float32 (3, image_size, image_size)."""
        rgb = _upright_rgb(image)
        size = (self.image_size, self.image_size)
        if rgb.size != size:
            rgb = ImageOps.fit(rgb, size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).float()
        return pixels.mul_(1 / (255 * self.std)).sub_(self.mean / self.std)


@dataclass(frozen=True)
class LoadedModel:
    """A trained model in evaluation mode, on the CPU."""

    model: Classifier
    preprocess: Preprocessing
    """Maps an image to an input of the model, without the batch axis."""
    class_names: tuple[str, ...]
    spec: ModelSpec


def load(run_folder: Path | str) -> LoadedModel:
    """Load the trained model of the run in `run_folder`.

    Raises:
        SpecError: The folder holds no finished run, or its weights don't fit the recorded model.
    """
    folder = Path(run_folder)
    record = _read_record(folder)
    spec = parse_spec(record["run"]["model"])
    class_names, scaling = tuple(record["data"]["class_names"]), record["preprocessing"]
    preprocess = Preprocessing(scaling["image_size"], float(scaling["mean"]), float(scaling["std"]))
    model = build(spec, num_classes=len(class_names), image_size=preprocess.image_size)
    path = folder / "weights.safetensors"
    load_weights(model, read_weights(path), f"{path}, weights of {spec}")
    return LoadedModel(model.eval(), preprocess, class_names, spec)


def _upright_rgb(image: Image.Image | np.ndarray) -> Image.Image:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected uint8 (height, width, 3), got {image.dtype} {image.shape}")
        return Image.fromarray(image)
    return as_rgb(ImageOps.exif_transpose(image))


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "record.json"
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        status = record["status"]
        _check_fields(record)
    except FileNotFoundError:
        raise SpecError(f"{folder} holds no run: {path.name} is missing") from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SpecError(f"{path} is not the record of a run: {error!r}") from None
    if record["run"].get("stage") == "probe":
        raise SpecError(f"the run in {folder} is a probe, which trained no network; load the run that it starts from")
    if status != "ok":
        raise SpecError(f"the run in {folder} ended {status!r}, not 'ok': {record.get('reason', '')}")
    return record


def _check_fields(record: dict[str, Any]) -> None:
    """Check the types of the fields that are read.

    Raises:
        ValueError, KeyError or TypeError: a field is missing, or is another's.
    """
    names, scaling = record["data"]["class_names"], record["preprocessing"]
    size, numbers = scaling["image_size"], (scaling["mean"], scaling["std"])
    if not isinstance(record["run"]["model"], str):
        raise ValueError("run.model is no text")
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise ValueError("data.class_names is no list of names")
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE:
        raise ValueError(f"preprocessing.image_size is no number from 1 to {MAX_IMAGE_SIZE}")
    if not all(type(number) in (int, float) and abs(number) < 1e6 for number in numbers) or scaling["std"] <= 0:
        raise ValueError("preprocessing.mean and std are no numbers that scale an image")
