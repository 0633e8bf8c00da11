"""The images of one run, by its description; none is decoded or drawn yet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.corpus import load_subset
from bench.data.dataset import ImageSet, Splits
from bench.data.subset import class_range
from bench.data.target import load_shots, load_target
from bench.machine.environment import num_cores
from bench.plan.run import Run


@dataclass(frozen=True, eq=False)
class RunData(Splits):
    """The images of one run, and what its record says of them."""

    @property
    def parts(self) -> dict[str, ImageSet]:
        """The splits that there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None and len(part)}

    def facts(self) -> dict[str, Any]:
        """What a record holds of the images."""
        return {
            "subset_hash": self.subset_hash,
            "split_hash": self.split_hash,
            **self.subset_classes(),
            "num_images": len(self.train),
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
        }

    def subset_classes(self) -> dict[str, int | None]:
        """How even a subset's classes are; nothing of a target's images."""
        if self.subset_hash is None:
            return dict.fromkeys(("subset_classes", "smallest_class_images", "largest_class_images"))
        smallest, largest = class_range(self.train.labels, len(self.class_names))
        return {
            "subset_classes": len(self.class_names),
            "smallest_class_images": smallest,
            "largest_class_images": largest,
        }


def load_run_data(run: Run, data_dir: Path) -> RunData:
    """Return what a run trains on, validates on and, if it has a target and is no trial, tests on."""
    splits = subset_of(run, data_dir) if run.corpus is not None else _splits(run, data_dir)
    return RunData(**vars(splits) | {"test": splits.test if run.tests else None})


def _splits(run: Run, data_dir: Path) -> Splits:
    """The target of a run, its training part drawn by the run's seed, or by a probe's number of shots and its draw."""
    if run.target is None:
        raise AssertionError("a run has a corpus or a target")
    if run.probe is not None and run.probe.shots is not None:
        assert run.probe.draw is not None, "shots are drawn"
        return load_shots(
            run.target,
            seed=run.seed,
            shots=run.probe.shots,
            draw=run.probe.draw,
            image_size=run.image_size,
            data_dir=data_dir,
        )
    return load_target(run.target, seed=run.seed, image_size=run.image_size, data_dir=data_dir, carved=run.carved)


def subset_of(run: Run, data_dir: Path) -> Splits:
    """The subset that a run pretrains on."""
    assert run.corpus is not None
    assert run.subset_images is not None
    threads = num_cores() if run.device == "cuda" else 1
    return load_subset(run.corpus, run.subset_images, run.image_size, data_dir, num_threads=threads)
