"""One run and its key. Imports no torch.

The key is a hash of everything that the run's result depends on, and of nothing else. Paths, host, number of workers
and commit are not part of it.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

from bench.analysis.corpus_names import SCRATCH
from bench.config.external_weights import ExternalModel
from bench.config.recipe import Settings
from bench.config.suite import Match
from bench.data.corpus import CorpusRef
from bench.data.dataset import OnBadImage, WantedPipeline
from bench.data.target import TargetRef
from bench.machine.device import Device, Precision
from models.spec.model_spec import parse_spec

Stage = Literal["pretrain", "transfer", "scratch", "probe"]
ProbeKind = Literal["linear", "k-shot", "none"]


@dataclass(frozen=True)
class Budget:
    """How long a run trains, in images, training FLOPs, or seconds on its device."""

    match: Match
    amount: float

    def resolved(self) -> dict[str, Any]:
        """Return the budget in the form that a run's key contains."""
        return {"match": self.match, self.match: int(self.amount) if self.match == "images" else self.amount}

    def __str__(self) -> str:
        """Return the amount with its unit, for display."""
        match self.match:
            case "images":
                return f"{self.amount:,} images"
            case "flops":
                return f"{self.amount:.3g} FLOPs"
        return f"{self.amount:,g} s"

    def __add__(self, other: "Budget") -> "Budget":
        """Return the sum of two budgets."""
        assert self.match == other.match, (self, other)
        return Budget(self.match, self.amount + other.amount)

    def __mul__(self, factor: float) -> "Budget":
        """Return a multiple of the budget."""
        amount = self.amount * factor
        return Budget(self.match, round(amount) if self.match == "images" else amount)


NOTHING = Budget("images", 0)
MIN_IMAGES = 2
"""Images that every training sees at least, in all families: BatchNorm can't train on one."""


@dataclass(frozen=True)
class Probe:
    """A linear classifier on frozen features, in place of training the network; or nothing at all."""

    kind: ProbeKind
    """With `none`, the network is evaluated with the classifier of its own weights."""
    shots: int | None = None
    """Training images per class; None for all training images of the target."""
    draw: int | None = None
    """Number of the draw among a seed's draws."""

    @property
    def name(self) -> str:
        """Name without the draw, such as `linear probe`, `5-shot probe` or `evaluation`."""
        if self.kind == "none":
            return "evaluation"
        return "linear probe" if self.shots is None else f"{self.shots}-shot probe"

    def __str__(self) -> str:
        """Return a name such as `linear probe` or `5-shot probe (draw 2)`."""
        return self.name if self.shots is None else f"{self.name} (draw {self.draw})"


PROBES: dict[ProbeKind, str] = {"linear": "logistic", "k-shot": "ridge", "none": "none"}
"""Solver of each kind of probe; it replaces a recipe's name."""


@dataclass(frozen=True)
class Run:
    """A pretraining, a transfer, a probe, or a training from scratch.

    A transfer or a probe starts from a pretraining or from external weights.
    """

    stage: Stage
    model: str
    """Canonical spec, without external weights."""
    image_size: int
    corpus: CorpusRef | None
    subset_images: int | None
    target: TargetRef | None
    identity: str
    """Identity of the data without paths, as canonical JSON."""
    recipe: str
    """Name of the recipe, for display; the key contains the settings."""
    settings: Settings
    budget: Budget
    """Budget; zero images for a probe, which trains no network."""
    precision: Precision
    device: Device
    threads: int
    seed: int
    starts_from: str | None
    protocol: int
    external: ExternalModel | None = None
    """External weights that the run starts from."""
    pretraining: "Run | None" = None
    """Pretraining that the run starts from."""
    pipeline: WantedPipeline = "auto"
    """Pipeline that brings images to the device; it changes no result."""
    on_bad_image: OnBadImage = "fail"
    """Whether the run fails at an image that cannot be read, or skips it."""
    probe: Probe | None = None
    carved: bool = True
    """Whether the target excludes validation images from training."""
    deterministic: bool = False
    """Whether the run repeats bit for bit on CUDA; on a CPU it always does."""
    tests: bool = True
    """Whether the run reads the target's test images; trials of a tuning do not."""

    @cached_property
    def key(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the resolved run."""
        return hashlib.sha256(canonical_json(self.resolved()).encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """`vit`, `cnn` or `hybrid`."""
        return parse_spec(self.model).family

    @property
    def data_name(self) -> str:
        """Target, or corpus with the subset's size, for display."""
        if self.corpus is None:
            return str(self.target)
        classes = f" in {self.subset_classes:,} classes" if self.subset_classes is not None else ""
        return f"{self.corpus.name} {self.subset_images:,}{classes}"

    @property
    def subset_classes(self) -> int | None:
        """Number of classes that the subset is limited to; None for all classes of the corpus."""
        return self.corpus.classes if self.corpus else None

    @property
    def pretraining_name(self) -> str:
        """Corpus of the pretraining, or the name of external weights; else `none`."""
        if self.external is not None:
            return self.external.corpus
        return self.corpus.name if self.corpus else SCRATCH

    def resolved(self) -> dict[str, Any]:
        """Return everything that the run's result depends on, and nothing else.

        Some fields are present only if they are set, so that a new option does not change the keys of other runs.
        `docs/protocol.md` lists these fields.
        """
        return (self.external.identity if self.external else {}) | {
            "protocol": self.protocol,
            "stage": self.stage,
            "model": self.model,
            "image_size": self.image_size,
            "data": self._data(),
            **self._training(),
            "precision": self.precision,
            "device": self.device,
            "threads": self.threads,
            "seed": self.seed,
            "starts_from": self.starts_from,
        }

    def _training(self) -> dict[str, Any]:
        """Return how the network is trained or probed."""
        if self.probe is not None:
            return {"probe": vars(self.probe)}
        deterministic = {"deterministic": True} if self.deterministic and self.device == "cuda" else {}
        return {"settings": dict(_dumped(self.settings)), "budget": self.budget.resolved(), **deterministic}

    def _data(self) -> dict[str, Any]:
        """Return everything that decides the images."""
        number = {"images": self.subset_images} if self.corpus else {}
        skipping = {"on_bad_image": "skip"} if self.on_bad_image == "skip" else {}
        carved, tests = ({} if self.carved else {"carved": False}), ({} if self.tests else {"tests": False})
        return json.loads(self.identity) | number | skipping | carved | tests


def canonical_json(value: Any) -> str:
    """Return the canonical JSON of a value, for hashes and comparisons."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


@lru_cache(maxsize=1024)
def _dumped(settings: Settings) -> dict[str, Any]:
    """Return settings in the form that a key contains."""
    # Cached, since dumping takes as long as the rest of a key and many runs share their settings.
    return settings.model_dump(mode="json")
