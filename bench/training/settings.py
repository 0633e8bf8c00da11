"""The settings that a recipe may give, and which of them go together.

Settings are part of a run's key. Later settings stay out of it at their default, so that a new setting changes no key.
Imports no torch.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

ALWAYS_IN_A_KEY = frozenset(
    {
        "optimizer",
        "learning_rate",
        "weight_decay",
        "betas",
        "warmup",
        "schedule",
        "clip_norm",
        "batch_size",
        "label_smoothing",
        "shift",
        "flip",
    }
)
"""The first settings that there were; any other stands in a key unless it is at its default."""

ONLY_WITH = {
    "momentum": ("optimizer", ("sgd",)),
    "milestones": ("schedule", ("step",)),
    "step_factor": ("schedule", ("step",)),
    "final_rate": ("schedule", ("cosine", "linear")),
}
"""Settings that only some choices of another one read; with other choices they have to be at their default."""


def _rising(ends: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse a range that ends before it starts."""
    if list(ends) != sorted(ends):
        raise ValueError("the lower end comes first")
    return ends


def _strictly_rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse milestones that are out of order or equal."""
    if list(shares) != sorted(set(shares)):
        raise ValueError("each milestone has to be later than the one before it")
    return shares


Fraction = Annotated[float, Field(ge=0, lt=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
PixelShares = Annotated[tuple[PositiveShare, PositiveShare], AfterValidator(_rising)]
Ratios = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
OnDevice = bool | Literal["cuda"]
"""Yes, no, or on this device alone."""


class ResizedCropSettings(BaseModel):
    """Crops of any size and place, scaled up again; torchvision's `RandomResizedCrop`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: PixelShares = (0.08, 1.0)
    """Of the crop's area, as a share of the image's."""
    ratio: Ratios = (3 / 4, 4 / 3)
    """Of its width by its height."""


class RandAugmentSettings(BaseModel):
    """Some of 14 operations on each image, of one magnitude; torchvision's `RandAugment`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_ops: PositiveInt = 2
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9
    """Of 31 levels."""


class ErasingSettings(BaseModel):
    """A box of an image painted grey; torchvision's `RandomErasing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: Share = 0.5
    scale: PixelShares = (0.02, 0.33)
    """Of the box's area, as a share of the image's."""
    ratio: Ratios = (0.3, 3.3)
    """Of its height by its width."""


class Settings(BaseModel):
    """What a run trains with, after a recipe's exceptions are applied; part of the run's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """AdamW shrinks weights by learning rate times decay; Adam and SGD add the decay to the gradient."""
    fused: bool = True
    """One kernel for the whole update. It differs from torch's other ways in the last bits."""
    learning_rate: Positive = 1e-3
    """At the end of the warm-up."""
    layer_decay: PositiveShare | None = None
    """The learning rate of each layer below the head, as a share of that of the layer above it."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    decayed: Literal["weights", "all"] = "weights"
    """The weights of linear layers and convolutions only (not biases, norms, positional tables or tokens), or all."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Of Adam and AdamW; SGD has none, and ignores them."""
    momentum: Fraction = 0.9
    """Of SGD alone."""
    warmup: Fraction = 0.1
    """The share of all steps in which the learning rate rises linearly from zero."""
    schedule: Literal["cosine", "linear", "step", "constant"] = "cosine"
    """After the warm-up: down along half a cosine or a line, in steps, or constant."""
    final_rate: Fraction = 0.0
    """Where a cosine or a line ends, as a share of the learning rate."""
    milestones: Annotated[tuple[Inside, ...], AfterValidator(_strictly_rising)] = ()
    """Shares of all steps, warm-up included, at which the learning rate is multiplied by `step_factor`."""
    step_factor: Inside = 0.1
    clip_norm: Positive | None = 1.0
    """The largest allowed norm of the whole gradient; null for no clipping."""
    ema: Inside | None = None
    """Decay of a moving average of the weights, which replaces the last weights; null for none."""
    batch_size: PositiveInt = 32
    micro_batch: PositiveInt | None = None
    """Images that go through the model at once, their gradients summed up to a batch; null for the whole batch."""
    compile: OnDevice = False
    channels_last: OnDevice = False
    image_size: PositiveInt | None = None
    """Pixels of a side, if not the suite's."""
    label_smoothing: Fraction = 0.0
    shift: Annotated[int, Field(ge=0)] = 0
    """Random shifts of up to this many pixels, in both directions."""
    flip: bool = False
    """Random horizontal flips, on data sets whose classes allow them (not for digits)."""
    resized_crop: ResizedCropSettings | None = None
    """Instead of shifts."""
    randaugment: RandAugmentSettings | None = None
    autoaugment: Literal["cifar10"] | None = None
    """The policy found on CIFAR-10; instead of RandAugment."""
    erasing: ErasingSettings | None = None
    mixup: Positive | None = None
    """Alpha of the Beta distribution that the share of an image is drawn from; null for no mixup."""
    cutmix: Positive | None = None
    """The same for CutMix; with both, each image gets one of them."""

    def on(self, device: Literal["cpu", "cuda"]) -> "Settings":
        """Return the settings on a device: what is asked for "cuda" alone becomes a plain yes or no."""
        asked = {name: getattr(self, name) for name in ("compile", "channels_last")}
        return self.model_copy(
            update={name: device == "cuda" if value == "cuda" else value for name, value in asked.items()}
        )

    @model_validator(mode="after")
    def _choices_go_together(self) -> "Settings":
        if self.shift and self.resized_crop:
            raise ValueError("shift and resized_crop exclude each other: one of them moves the crop")
        if self.randaugment and self.autoaugment:
            raise ValueError("randaugment and autoaugment exclude each other")
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            raise ValueError(f"micro_batch: {self.micro_batch} images are more than a batch_size of {self.batch_size}")
        return self

    @model_validator(mode="after")
    def _choices_are_read(self) -> "Settings":
        for name, (other, choices) in ONLY_WITH.items():
            if not self._is_default(name) and getattr(self, other) not in choices:
                needed = " or ".join(f"{other}: {choice}" for choice in choices)
                raise ValueError(f"{name} goes with {needed} only, not with {other}: {getattr(self, other)}")
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule: step needs milestones, as shares of all steps: [0.5, 0.75]")
        if self.milestones and self.milestones[0] < self.warmup:
            raise ValueError(f"milestones: {self.milestones[0]} lies within the warm-up, which ends at {self.warmup}")
        return self

    @model_serializer(mode="wrap")
    def _dump_for_key(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out later settings that are at their default."""
        return {
            name: value for name, value in dump(self).items() if name in ALWAYS_IN_A_KEY or not self._is_default(name)
        }

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)
