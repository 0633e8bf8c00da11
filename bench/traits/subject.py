"""The network of a finished run, and its answers to images."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import models
from bench.data.dataset import ImageSet
from bench.data.loading.bad_images import BadImages
from bench.data.loading.batches import evaluation_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.target import TargetRef, load_target
from bench.machine.device import Device
from bench.plan.run import Run
from bench.store.records import check_file
from bench.store.store import WEIGHTS, Store
from bench.training.compute import Compute, compute_on
from bench.training.evaluate import evaluate

BATCH = 250
"""Images per batch; it changes answers in the last bits at most."""


@dataclass(frozen=True)
class Subject:
    """The network of a finished run, in evaluation mode on a device."""

    run: Run
    model: models.Classifier
    compute: Compute
    data_dir: Path

    def test_images(self, target: TargetRef) -> ImageSet:
        """Return the test images of a target, at the image size of the run.

        Raises:
            InputError: the target's files are missing.
        """
        size = self.run.image_size
        images = load_target(target, seed=self.run.seed, image_size=size, data_dir=self.data_dir).test
        assert images is not None, "every target has test images"
        return images

    def answers(self, images: ImageSet) -> pd.DataFrame:
        """Return the network's answer to each image, as `bench.training.evaluate.Evaluation` has them."""
        # Images are few enough to stay in this process, where the next network finds them.
        loader = ImageLoader("resident", self.compute.device, bad=BadImages(self.run.on_bad_image))
        return evaluate(self.model, evaluation_batches(images, BATCH, loader), self.compute).predictions


def load_subject(run: Run, store: Store, data_dir: Path, device: Device) -> Subject:
    """Load the network of a finished run; on another device than the run's it computes in float32.

    Raises:
        DamagedRun: the run's weights are missing or altered.
        SpecError: they don't fit the recorded model.
    """
    folder = store.run_folder(run.key)
    check_file(folder, store.read(run.key) or {}, WEIGHTS)
    compute = compute_on(device, run.precision if device == run.device else "fp32")
    return Subject(run, models.load(folder).model.to(compute.device), compute, data_dir)
