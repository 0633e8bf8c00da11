"""The settings that a recipe may give, and which of them may be combined.

Settings are part of a run's key. A setting that was added later stays out of the key at its default, so that keys of
earlier runs do not change. Imports no torch.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from bench.machine.device import Device

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
"""The settings that every key contains; a key contains another setting only if it is not at its default."""

ONLY_WITH = {
    "momentum": ("optimizer", ("sgd",)),
    "milestones": ("schedule", ("step",)),
    "step_factor": ("schedule", ("step",)),
    "final_rate": ("schedule", ("cosine", "linear")),
}
"""Settings that need a certain choice of another setting; with other choices they have to be at their default."""


def _rising(ends: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse a range that ends before it starts."""
    if list(ends) != sorted(ends):
        raise ValueError("the lower end has to come first")
    return ends


def _strictly_rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse milestones that are out of order or equal."""
    if list(shares) != sorted(set(shares)):
        raise ValueError("each milestone has to be later than the one before it")
    return shares


def _no_truth_value(value: object) -> object:
    """Refuse `yes` and `true`, which Python would take for 1."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _one_side(value: object) -> object:
    """Refuse two sides; images are square."""
    if isinstance(value, list | tuple):
        raise ValueError("images are square; one number is needed, the pixels per side")
    return value


NUMBER = BeforeValidator(_no_truth_value)
"""Belongs to every field that is a number."""
MAX_IMAGE_SIZE = 4096
ImageSize = Annotated[int, NUMBER, BeforeValidator(_one_side), Field(gt=0, le=MAX_IMAGE_SIZE)]
"""The pixels per side of an image."""
Positive = Annotated[float, NUMBER, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, NUMBER, Field(gt=0, le=1_000_000)]
NotNegative = Annotated[float, NUMBER, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, NUMBER, Field(ge=0, lt=1)]
Inside = Annotated[float, NUMBER, Field(gt=0, lt=1)]
Share = Annotated[float, NUMBER, Field(ge=0, le=1)]
PositiveShare = Annotated[float, NUMBER, Field(gt=0, le=1)]
PixelShares = Annotated[tuple[PositiveShare, PositiveShare], AfterValidator(_rising)]
Ratios = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
OnDevice = bool | Literal["cuda"]
"""Yes, no, or only on CUDA."""


class ResizedCropSettings(BaseModel):
    """Random crops that are scaled to the image size; torchvision's `RandomResizedCrop`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: PixelShares = (0.08, 1.0)
    """The range of the crop's area, as a share of the image's area."""
    ratio: Ratios = (3 / 4, 4 / 3)
    """The range of the crop's width divided by its height."""


class RandAugmentSettings(BaseModel):
    """Random operations on each image, all of the same magnitude; torchvision's `RandAugment`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_ops: Annotated[int, NUMBER, Field(gt=0, le=100)] = 2
    """The number of operations per image, drawn from 14."""
    magnitude: Annotated[int, NUMBER, Field(ge=0, le=30)] = 9
    """The strength of each operation, one of 31 levels."""


class ErasingSettings(BaseModel):
    """A random box of an image is painted grey; torchvision's `RandomErasing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probability: Share = 0.5
    scale: PixelShares = (0.02, 0.33)
    """The range of the box's area, as a share of the image's area."""
    ratio: Ratios = (0.3, 3.3)
    """The range of the box's height divided by its width."""


class Settings(BaseModel):
    """The training settings of a run, after a recipe's exceptions are applied; part of the run's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """AdamW shrinks weights by learning rate times decay; Adam and SGD add the decay to the gradient."""
    fused: bool = True
    """Whether one kernel does the whole update; its results differ from torch's other ways in the last bits."""
    learning_rate: Positive = 1e-3
    """The peak learning rate, reached at the end of the warm-up."""
    layer_decay: PositiveShare | None = None
    """The learning rate of each layer below the head, as a share of that of the layer above it; null for no decay."""
    weight_decay: NotNegative = 0.05
    decayed: Literal["weights", "all"] = "weights"
    """`weights`: the weights of linear layers and convolutions only (no biases, norms, position tables or tokens)."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """The betas of Adam and AdamW; SGD ignores them."""
    momentum: Fraction = 0.9
    """The momentum of SGD."""
    warmup: Fraction = 0.1
    """The share of all steps in which the learning rate rises linearly from zero."""
    schedule: Literal["cosine", "linear", "step", "constant"] = "cosine"
    """The learning rate after the warm-up."""
    final_rate: Fraction = 0.0
    """The last rate of a cosine or linear schedule, as a share of the learning rate."""
    milestones: Annotated[tuple[Inside, ...], AfterValidator(_strictly_rising)] = ()
    """Points of a step schedule, as shares of all steps: at each, the rate is multiplied by `step_factor`."""
    step_factor: Inside = 0.1
    clip_norm: Positive | None = 1.0
    """The maximum norm of the whole gradient; null for no clipping."""
    ema: Inside | None = None
    """The decay of a moving average of the weights, which replaces the last weights; null for none."""
    batch_size: PositiveInt = 32
    micro_batch: PositiveInt | None = None
    """The number of images per forward pass; gradients are summed over the batch. Null for the whole batch."""
    compile: OnDevice = False
    """Whether the model is compiled."""
    channels_last: OnDevice = False
    """Whether convolutional networks use the channels_last layout."""
    image_size: ImageSize | None = None
    """The pixels per side of an image; null for the suite's size."""
    label_smoothing: Fraction = 0.0
    shift: Annotated[int, NUMBER, Field(ge=0, le=MAX_IMAGE_SIZE)] = 0
    """The largest random shift, in pixels, in both directions."""
    flip: bool = False
    """Whether images are flipped horizontally at random; ignored if a flip may change the class (digits)."""
    resized_crop: ResizedCropSettings | None = None
    """Random resized crops; excludes `shift`."""
    randaugment: RandAugmentSettings | None = None
    autoaugment: Literal["cifar10"] | None = None
    """AutoAugment with the policy for CIFAR-10; excludes `randaugment`."""
    erasing: ErasingSettings | None = None
    mixup: Positive | None = None
    """Alpha of the Beta distribution that mixup draws the share of an image from; null for no mixup."""
    cutmix: Positive | None = None
    """The same alpha for CutMix; if both are given, each image gets one of them."""

    def on(self, device: Device) -> "Settings":
        """Return the settings on a device: the value "cuda" becomes true on CUDA and false on a CPU."""
        choices = {name: getattr(self, name) for name in ("compile", "channels_last")}
        return self.model_copy(
            update={name: device == "cuda" if value == "cuda" else value for name, value in choices.items()}
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
    def _choices_have_an_effect(self) -> "Settings":
        for name, (other, choices) in ONLY_WITH.items():
            if not self._is_default(name) and getattr(self, other) not in choices:
                needed = " or ".join(f"{other}: {choice}" for choice in choices)
                raise ValueError(f"{name} goes with {needed} only, not with {other}: {getattr(self, other)}")
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule: step needs milestones, as shares of all steps: [0.5, 0.75]")
        if self.milestones and self.milestones[0] < self.warmup:
            raise ValueError(f"milestones: {self.milestones[0]} is within the warm-up, which ends at {self.warmup}")
        return self

    @model_serializer(mode="wrap")
    def _dump_for_key(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out settings that are at their default, unless every key contains them."""
        return {
            name: value for name, value in dump(self).items() if name in ALWAYS_IN_A_KEY or not self._is_default(name)
        }

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)
