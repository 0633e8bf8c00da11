"""The images of one run; loading them opens data sets, but decodes or draws no image yet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.corpus import load_subset
from bench.data.dataset import ImageSet, Splits
from bench.data.opening import OpenData
from bench.data.subset import class_range
from bench.data.target import load_shots, load_target
from bench.machine.environment import num_cores
from bench.plan.run import Run


@dataclass(frozen=True, eq=False)
class RunData(Splits):
    """The images of one run, and the record's fields about them."""

    @property
    def parts(self) -> dict[str, ImageSet]:
        """Return the splits that have images, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None and len(part)}

    def facts(self) -> dict[str, Any]:
        """Return the record's fields about the images; those about the balance of classes are for subsets only."""
        smallest, largest = class_range(self.train.labels, len(self.class_names))
        is_subset = self.subset_hash is not None
        return {
            "subset_hash": self.subset_hash,
            "split_hash": self.split_hash,
            "subset_classes": len(self.class_names) if is_subset else None,
            "smallest_class_images": smallest if is_subset else None,
            "largest_class_images": largest if is_subset else None,
            "num_images": len(self.train),
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
            **self.source_facts,
        }

    def num_single_colour(self) -> dict[str, int | None]:
        """Count the images of a single colour of each split of files, of those that this process has cached."""
        return {
            name: part.source.count_single_colour(part.ids, part.image_size)
            for name, part in self.parts.items()
            if isinstance(part.source, OpenData)
        }


def load_run_data(run: Run, data_dir: Path) -> RunData:
    """Open the images that a run trains and validates on, and its test images unless it is a pretraining or a trial."""
    splits = subset_of(run, data_dir) if run.corpus is not None else _splits_of(run, data_dir)
    return RunData(**vars(splits) | {"test": splits.test if run.tests else None})


def subset_of(run: Run, data_dir: Path) -> Splits:
    """Open the subset that a run pretrains on."""
    assert run.corpus is not None, "the run pretrains on no corpus"
    assert run.subset_images is not None, "the run pretrains on no subset"
    threads = num_cores() if run.device == "cuda" else 1
    return load_subset(run.corpus, run.subset_images, run.image_size, data_dir, num_threads=threads)


def _splits_of(run: Run, data_dir: Path) -> Splits:
    """Open a run's target; the training images depend on the run's seed, and on a probe's shots and draw."""
    assert run.target is not None, "a run has a corpus or a target"
    seed, size, probe = run.seed, run.image_size, run.probe
    if probe is None or probe.shots is None:
        return load_target(run.target, seed=seed, image_size=size, data_dir=data_dir, carved=run.carved)
    assert probe.draw is not None, "a probe with shots has a draw"
    shots, draw = probe.shots, probe.draw
    return load_shots(run.target, seed=seed, shots=shots, draw=draw, image_size=size, data_dir=data_dir)
