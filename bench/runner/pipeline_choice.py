"""The choice of a pipeline for a set of images, and of the number of processes that decode them."""

from typing import Any

import psutil
import torch

from bench.data.dataset import ImageSet, Pipeline, WantedPipeline
from bench.data.loading.bad_images import BadImages
from bench.data.loading.image_loader import ImageLoader
from bench.machine.device import Device
from bench.machine.environment import num_cores
from bench.plan.run import Run

GPU_SHARE = 0.5
"""The share of a GPU's free memory that images may take; the rest is for the model."""
CPU_SHARE = 0.5
"""The share of the available memory that the images of all runs may take together; one run is assumed per core."""
MAX_DECODERS = 16
EVALUATION_BATCH = 250
"""The batch size of evaluation; it changes predictions in the last bits at most."""
MAX_LISTED = 20
"""The maximum number of skipped images that a record gives reasons for."""


def loader_for(images: ImageSet, run: Run, device: torch.device) -> ImageLoader:
    """Return the loader of a set of images, with the pipeline that the suite asks for."""
    pipeline = choose(images, run.pipeline, device)
    return ImageLoader(pipeline, device, num_decoders(run.device), BadImages(run.on_bad_image))


def pipeline_facts(loaders: dict[str, ImageLoader]) -> dict[str, Any]:
    """Return the record's fields about the pipeline: its name, the numbers of skipped images, and the reasons."""
    reasons = [reason for loader in loaders.values() for reason in loader.bad.reasons.values()]
    return {
        "pipeline": loaders["train"].pipeline,
        "num_skipped": {split: len(loader.bad.reasons) for split, loader in loaders.items()},
        "skipped": reasons[:MAX_LISTED],
    }


def choose(images: ImageSet, wanted: WantedPipeline, device: torch.device) -> Pipeline:
    """Return the wanted pipeline; `auto` chooses `resident` if the images fit into memory.

    If they do not fit, `auto` chooses `generated` for images that are drawn by formula, else `streaming`. If
    `generated` is wanted for images that are not drawn by formula, the choice is that of `auto`.
    """
    is_formula = images.source.is_formula
    if wanted in ("resident", "streaming") or (wanted == "generated" and is_formula):
        return wanted
    if images.num_bytes <= memory_for_images(device):
        return "resident"
    return "generated" if is_formula else "streaming"


def memory_for_images(device: torch.device) -> int:
    """Return the bytes that the resident images of one run may take."""
    if device.type == "cuda":
        return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return int(CPU_SHARE * psutil.virtual_memory().available / num_cores())


def num_decoders(device: Device) -> int:
    """Return the number of processes that decode images for a run: one on a CPU; with a GPU, all cores but one."""
    return 1 if device == "cpu" else min(MAX_DECODERS, max(1, num_cores() - 1))
