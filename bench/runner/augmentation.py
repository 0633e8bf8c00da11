"""The augmentation of a run's training images, by its recipe and its data set."""

from bench.config.recipe import Settings
from bench.data.augment.erasing import Erasing
from bench.data.augment.mixing import Mixing
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop
from bench.data.loading.stream import Augmentation, Stream
from bench.plan.run import Run
from bench.runner.run_data import RunData


def stream_of(run: Run, data: RunData, settings: Settings, images: int) -> Stream:
    """Return the order and the augmentation of the `images` training images that a run sees."""
    augmentation = augmentation_of(settings, flip=data.flip, augmentable=data.augmentable)
    return Stream(run.seed, run.stage, images, settings.batch_size, augmentation, len(data.class_names))


def augmentation_of(settings: Settings, *, flip: bool, augmentable: bool = True) -> Augmentation:
    """Return the augmentation that a recipe asks for, as far as the data set allows it.

    Args:
        settings: the settings of the recipe.
        flip: whether a mirrored image keeps its class.
        augmentable: whether an augmented image keeps its class; if not, nothing is augmented.
    """
    if not augmentable:
        return Augmentation()
    crop, policy, erasing = settings.resized_crop, settings.randaugment, settings.erasing
    randaugment = RandAugment(policy.num_ops, policy.magnitude) if policy else None
    mixes = settings.mixup is not None or settings.cutmix is not None
    return Augmentation(
        settings.shift,
        settings.flip and flip,
        ResizedCrop(crop.scale, crop.ratio) if crop else None,
        AutoAugment() if settings.autoaugment else randaugment,
        Erasing(erasing.probability, erasing.scale, erasing.ratio) if erasing else None,
        Mixing(settings.mixup, settings.cutmix) if mixes else None,
    )
