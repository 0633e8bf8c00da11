"""Which pipeline a set of images gets, and how many worker processes decode for it."""

from typing import Any, Literal

import psutil
import torch

from bench.data.dataset import ImageSet, Pipeline, WantedPipeline
from bench.data.loading.bad_images import BadImages
from bench.data.loading.image_loader import ImageLoader
from bench.machine.environment import num_cores
from bench.plan.run import Run

GPU_SHARE = 0.5
"""Of a GPU's free memory that images may take; the rest is for the model."""
CPU_SHARE = 0.5
"""Of the available memory that the images of all runs may take, of which there is one per core."""
MAX_DECODERS = 16
EVALUATION_BATCH = 250
"""Images that are evaluated at once; their number changes no answer beyond the last bits."""
MAX_LISTED = 20
"""Skipped images whose reasons stand in a record."""


def loader_for(images: ImageSet, run: Run, device: torch.device) -> ImageLoader:
    """Return what loads a run's images, by the pipeline that its suite wants."""
    pipeline = choose(images, run.pipeline, device)
    return ImageLoader(pipeline, device, num_decoders(run.device), BadImages(run.on_bad_image))


def pipeline_facts(loaders: dict[str, ImageLoader]) -> dict[str, Any]:
    """Return what a record says of its pipeline: which one it was, and how many images were skipped, and why."""
    reasons = [reason for loader in loaders.values() for reason in loader.bad.met.values()]
    return {
        "pipeline": loaders["train"].pipeline,
        "num_skipped": {split: len(loader.bad.met) for split, loader in loaders.items()},
        "skipped": reasons[:MAX_LISTED],
    }


def choose(images: ImageSet, wanted: WantedPipeline, device: torch.device) -> Pipeline:
    """Return the wanted pipeline; with `auto`, the resident one if the images fit into memory, else another.

    Images that no formula draws cannot be generated: they get a pipeline by their size.
    """
    is_formula = images.source.is_formula
    if wanted in ("resident", "streaming") or (wanted == "generated" and is_formula):
        return wanted
    if images.num_bytes <= memory_for_images(device):
        return "resident"
    return "generated" if is_formula else "streaming"


def memory_for_images(device: torch.device) -> int:
    """Return the bytes that one run's resident images may take."""
    if device.type == "cuda":
        return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return int(CPU_SHARE * psutil.virtual_memory().available / num_cores())


def num_decoders(device: Literal["cpu", "cuda"]) -> int:
    """Return how many worker processes decode for a run: one on a CPU, one for most cores beside a GPU."""
    return 1 if device == "cpu" else min(MAX_DECODERS, max(1, num_cores() - 1))
