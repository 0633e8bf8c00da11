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
"""Of the memory that is available, a core's share of which images may take: a run a core is trained at once."""
MAX_DECODERS = 16
EVALUATION_BATCH = 250
"""Images at once; it changes no answer beyond the last bits."""
MAX_LISTED = 20
"""Skipped images that a record tells the reason of."""


def feed_for(images: ImageSet, run: Run, device: torch.device) -> ImageLoader:
    """Return the feed of a run's images, as its suite wants it."""
    pipeline = choose(images, run.pipeline, device)
    return ImageLoader(pipeline, device, num_decoders(run.device), BadImages(run.on_bad_image))


def pipeline_facts(feeds: dict[str, ImageLoader]) -> dict[str, Any]:
    """What a record says of how its images came: the pipeline, and how many of each split were skipped, and why."""
    reasons = [reason for feed in feeds.values() for reason in feed.bad.met.values()]
    return {
        "pipeline": feeds["train"].pipeline,
        "num_skipped": {name: len(feed.bad.met) for name, feed in feeds.items()},
        "skipped": reasons[:MAX_LISTED],
    }


def choose(images: ImageSet, wanted: WantedPipeline, device: torch.device) -> Pipeline:
    """Return the pipeline that is wanted; else the resident one for what fits, and one of the others for the rest.

    What no formula draws cannot be generated: it gets a pipeline by its size.
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
    """Return the worker processes that decode for a run: one beside a CPU's, most cores beside a GPU's."""
    return 1 if device == "cpu" else min(MAX_DECODERS, max(1, num_cores() - 1))
