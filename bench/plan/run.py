"""One run: the job that it is, and its key. Imports no torch.

A run is identified by the hash of all that its result depends on, and of nothing else: neither paths nor the host,
the number of workers or the commit.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

from bench.config.external_weights import ExternalModel
from bench.config.recipe import Settings
from bench.config.suite import Match
from bench.data.corpus import CorpusRef
from bench.data.dataset import OnBadImage, WantedPipeline
from bench.data.target import TargetRef
from models.spec.model_spec import parse_spec

Stage = Literal["pretrain", "transfer", "scratch", "probe"]
ProbeKind = Literal["linear", "k-shot"]


@dataclass(frozen=True)
class Budget:
    """How long a run trains: for so many images, training FLOPs, or seconds on its device."""

    match: Match
    amount: float

    def resolved(self) -> dict[str, Any]:
        """The part of a key that it is."""
        return {"match": self.match, self.match: int(self.amount) if self.match == "images" else self.amount}

    def __str__(self) -> str:
        """With its unit, for people."""
        match self.match:
            case "images":
                return f"{self.amount:,} images"
            case "flops":
                return f"{self.amount:.3g} FLOPs"
        return f"{self.amount:,g} s"

    def __add__(self, other: "Budget") -> "Budget":
        """Both, one after the other."""
        assert self.match == other.match, (self, other)
        return Budget(self.match, self.amount + other.amount)

    def __mul__(self, factor: float) -> "Budget":
        """So many times as much."""
        amount = self.amount * factor
        return Budget(self.match, round(amount) if self.match == "images" else amount)


NOTHING = Budget("images", 0)


@dataclass(frozen=True)
class Probe:
    """A linear classifier on frozen features, in place of training the network."""

    kind: ProbeKind
    shots: int | None = None
    """images of each class that it is fitted to; None for all of the target's"""
    draw: int | None = None
    """which of a seed's draws of these"""

    def __str__(self) -> str:
        """In a few words: `linear probe`, `5-shot probe (draw 2)`."""
        return "linear probe" if self.shots is None else f"{self.shots}-shot probe (draw {self.draw})"


PROBES: dict[ProbeKind, str] = {"linear": "logistic", "k-shot": "ridge"}
"""How each is fitted; what stands in place of a recipe's name."""


@dataclass(frozen=True)
class Run:
    """One job: pretraining on a subset, a transfer or a probe that starts from one, or training from scratch.

    A transfer or probe may start from external weights, too.
    """

    stage: Stage
    model: str
    """The canonical spec, without external weights."""
    image_size: int
    corpus: CorpusRef | None
    subset_images: int | None
    target: TargetRef | None
    identity: str
    """What the data is, wherever it lies; canonical JSON."""
    recipe: str
    """Its name, for people; the key holds the settings."""
    settings: Settings
    budget: Budget
    """Nothing for a probe, which trains no network."""
    precision: Literal["fp32", "bf16"]
    device: Literal["cpu", "cuda"]
    threads: int
    seed: int
    starts_from: str | None
    protocol: int
    external: ExternalModel | None = None
    """The external weights that it starts from."""
    pretraining: "Run | None" = None
    """The run that it starts from."""
    pipeline: WantedPipeline = "auto"
    """How images reach the device: it changes no result."""
    on_bad_image: OnBadImage = "fail"
    """What happens to an image that cannot be read."""
    probe: Probe | None = None
    carved: bool = True
    """Whether the target keeps images for validation out of its training."""
    deterministic: bool = False
    """Whether CUDA, too, repeats itself bit for bit."""
    tests: bool = True
    """Whether it reads the target's test images; a trial of a tuning doesn't."""

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits: the head of the SHA-256 of the resolved run."""
        return hashlib.sha256(canonical_json(self.resolved()).encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """`vit`, `cnn` or `hybrid`."""
        return parse_spec(self.model).family

    @property
    def data_name(self) -> str:
        """The corpus or target, with the subset's size, for people."""
        if self.corpus is None:
            return str(self.target)
        classes = f" in {self.subset_classes:,} classes" if self.subset_classes is not None else ""
        return f"{self.corpus.name} {self.subset_images:,}{classes}"

    @property
    def subset_classes(self) -> int | None:
        """Of the subset that it pretrains on; None where the corpus has all of its own."""
        return self.corpus.classes if self.corpus else None

    @property
    def pretraining_name(self) -> str:
        """The corpus that it pretrains on, or that stands for external weights; `none` where there is neither."""
        if self.external is not None:
            return self.external.corpus
        return self.corpus.name if self.corpus else "none"

    def resolved(self) -> dict[str, Any]:
        """All that the run's result depends on, and nothing else; external weights by their hash and scaling."""
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
        """How the network is trained, or probed; determinism only where it has to be asked for."""
        if self.probe is not None:
            return {"probe": vars(self.probe)}
        asked = {"deterministic": True} if self.deterministic and self.device == "cuda" else {}
        return {"settings": dict(_dumped(self.settings)), "budget": self.budget.resolved(), **asked}

    def _data(self) -> dict[str, Any]:
        """What decides the images: their number where a corpus has more; what is unusual only where it is asked for."""
        number = {"images": self.subset_images} if self.corpus else {}
        skipping = {"on_bad_image": "skip"} if self.on_bad_image == "skip" else {}
        carved, tests = ({} if self.carved else {"carved": False}), ({} if self.tests else {"tests": False})
        return json.loads(self.identity) | number | skipping | carved | tests


def canonical_json(value: Any) -> str:
    """JSON with one spelling for one value, to be hashed and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


@lru_cache(maxsize=1024)
def _dumped(settings: Settings) -> dict[str, Any]:
    """Settings as a key holds them; once for all runs that share them, since it takes as long as the rest of a key."""
    return settings.model_dump(mode="json")
