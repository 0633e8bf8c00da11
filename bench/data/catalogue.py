"""The built-in data sets by name: targets, and corpora of real images. To add one, add one entry to `CATALOGUE`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bench.analysis.targets import ARRANGEMENT
from bench.data.dataset import DataSet
from bench.data.formula import Difficulty, Formula, check_image_size
from bench.data.fractals import arrangement, heldout
from bench.data.fractals.source import FRACTALS
from bench.data.shapes import cues
from bench.data.shapes.shape_corpus import SHAPES
from bench.data.sources import torchvision_layouts as layouts
from bench.data.sources.torchvision_sets import BY_FLAG, BY_SPLIT, PublishedFiles
from bench.data.strokes.stroke_corpus import STROKES


class SplitSizes(NamedTuple):
    """The sizes of a data set."""

    classes: int
    pool: int
    """Number of images that may be trained on."""
    validation: int
    test: int


@dataclass(frozen=True)
class BuiltIn:
    """The facts about a built-in data set that are known without opening it."""

    summary: str
    sizes: SplitSizes
    published: PublishedFiles | None = None
    """Its files in the data folder; None if it needs no files."""
    open: Callable[[], DataSet] | None = None
    """Function that opens a data set that needs no files."""
    flip: bool = True
    """Whether a mirrored image keeps its class."""
    augmentable: bool = True
    """Whether augmented images keep their class."""
    formula: Formula | None = None
    """What draws the images."""
    difficulty: Difficulty | None = None
    """Difficulty of images that are drawn by formula."""
    check_size: Callable[[int], None] = lambda image_size: None
    """Function that refuses an image size that cannot be drawn."""
    default_images: int | None = None
    """Number of training images if the target names no number; None for all."""
    version: int = 1
    """Version; raise it if the split or the images change."""


def _heldout(formula: Formula) -> BuiltIn:
    """Return the target with classes that no corpus of the formula holds."""
    return BuiltIn(
        f"{formula.name} of classes that no corpus holds",
        SplitSizes(20, 10_000, 500, 2_000),
        open=lambda: heldout.open_heldout(formula),
        flip=False,
        formula=formula,
        difficulty=heldout.HELDOUT_DIFFICULTY,
        check_size=check_image_size,
        default_images=200,
    )


def _shapes(target: str) -> BuiltIn:
    """Return one of the targets of filled outlines."""
    cue = cues.TARGETS[target]
    told = {
        "both": "outline and texture tell the class",
        "outline": "the outline alone tells the class",
        "texture": "the texture alone tells the class",
        "conflict": "outline and texture are of two classes",
    }
    sizes = (per_class * cues.NUM_CLASSES for per_class in cues.INSTANCES.values())
    return BuiltIn(
        f"filled outlines; {told[cue]}",
        SplitSizes(cues.NUM_CLASSES, *sizes),
        open=lambda: cues.open_shapes(cue),
        flip=False,
        formula=SHAPES,
        difficulty=cues.DIFFICULTY,
        check_size=check_image_size,
    )


CATALOGUE = {
    "digits": BuiltIn(
        "scikit-learn's handwritten digits, 8 px", SplitSizes(10, 785, 199, 813), open=heldout.open_digits, flip=False
    ),
    "fractals-heldout": _heldout(FRACTALS),
    "strokes-heldout": _heldout(STROKES),
    **{target: _shapes(target) for target in cues.TARGETS},
    ARRANGEMENT: BuiltIn(
        "the same sixteen fractals, in ten arrangements",
        SplitSizes(10, 10_000, 500, 2_000),
        open=arrangement.open_arrangement,
        formula=FRACTALS,
        flip=False,
        augmentable=False,
        difficulty=arrangement.DIFFICULTY,
        check_size=arrangement.check_arrangement_size,
    ),
    "cifar10": BuiltIn(
        "photographs of 10 kinds of things, 32 px",
        SplitSizes(10, 45_000, 5_000, 10_000),
        PublishedFiles("CIFAR10", ("cifar-10-batches-py",), layouts.images_and_targets, BY_FLAG, is_in_hub_order=True),
    ),
    "cifar100": BuiltIn(
        "photographs of 100 kinds of things, 32 px",
        SplitSizes(100, 45_000, 5_000, 10_000),
        PublishedFiles("CIFAR100", ("cifar-100-python",), layouts.images_and_targets, BY_FLAG, is_in_hub_order=True),
    ),
    "fashion-mnist": BuiltIn(
        "grey pictures of clothing, 28 px",
        SplitSizes(10, 54_000, 6_000, 10_000),
        PublishedFiles(
            "FashionMNIST",
            ("FashionMNIST/raw/train-images-idx3-ubyte",),
            layouts.images_and_targets,
            BY_FLAG,
            is_in_hub_order=True,
        ),
    ),
    "mnist": BuiltIn(
        "handwritten digits, 28 px",
        SplitSizes(10, 53_994, 6_006, 10_000),
        PublishedFiles("MNIST", ("MNIST/raw/train-images-idx3-ubyte",), layouts.images_and_targets, BY_FLAG),
        flip=False,
    ),
    "svhn": BuiltIn(
        "house numbers' digits, 32 px",
        SplitSizes(10, 65_927, 7_330, 26_032),
        PublishedFiles(
            "SVHN", ("svhn/train_32x32.mat", "svhn/test_32x32.mat"), layouts.channels_first, BY_SPLIT, root="svhn"
        ),
        flip=False,
    ),
    "stl10": BuiltIn(
        "photographs of 10 kinds of things, 96 px",
        SplitSizes(10, 4_500, 500, 8_000),
        PublishedFiles("STL10", ("stl10_binary",), layouts.channels_first, BY_SPLIT),
    ),
    "flowers102": BuiltIn(
        "photographs of flowers, of any size",
        SplitSizes(102, 1_020, 1_020, 6_149),
        PublishedFiles(
            "Flowers102",
            ("flowers-102/setid.mat", "flowers-102/imagelabels.mat", "flowers-102/jpg"),
            layouts.listed_files,
            {**BY_SPLIT, "validation": {"split": "val"}},
        ),
    ),
    "oxford-pets": BuiltIn(
        "photographs of cats and dogs by breed, of any size",
        SplitSizes(37, 3_310, 370, 3_669),
        PublishedFiles(
            "OxfordIIITPet",
            ("oxford-iiit-pet/annotations", "oxford-iiit-pet/images"),
            layouts.listed_files,
            {"train": {"split": "trainval"}, "test": {"split": "test"}},
        ),
    ),
    "food101": BuiltIn(
        "photographs of dishes, up to 512 px",
        SplitSizes(101, 68_175, 7_575, 25_250),
        PublishedFiles("Food101", ("food-101/meta", "food-101/images"), layouts.listed_files, BY_SPLIT),
    ),
    "imagenet": BuiltIn(
        "photographs of 1,000 kinds of things, of any size",
        SplitSizes(1_000, 1_271_167, 10_000, 50_000),
        PublishedFiles(
            "ImageNet",
            ("imagenet/meta.bin", "imagenet/train", "imagenet/val"),
            layouts.class_folders,
            {"train": {"split": "train"}, "test": {"split": "val"}},
            root="imagenet",
            validation_per_class=10,
            archives=("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
        ),
    ),
}
