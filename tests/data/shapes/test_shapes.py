"""The shape corpus: the same bytes everywhere, and outline and texture that each tell a class, alone or in conflict."""

from functools import partial

import numpy as np
import pytest

from bench.data.catalogue import CATALOGUE
from bench.data.formula import Difficulty, Domain, class_parameters
from bench.data.shapes.cues import NUM_CLASSES, TARGETS, cues_of_test
from bench.data.shapes.shape_corpus import SHAPES
from tests import drawn
from tests.data.shapes import reference
from tests.drawn import HARD, PLAIN

draw = partial(drawn.draw, SHAPES)
SIZE = 32
Images = np.ndarray


@pytest.mark.parametrize("difficulty", [PLAIN, Difficulty(), HARD], ids=["plain", "default", "hard"])
@pytest.mark.parametrize(
    ("domain", "index", "instance", "size"),
    [(Domain.PRETRAIN, 3, 0, 32), (Domain.SHAPES_TEST, 0, 5, 24), (Domain.PRETRAIN, 99_999, 2**31 - 1, 16)],
)
def test_the_formula_in_plain_python_gives_the_same_bytes(
    difficulty: Difficulty, domain: Domain, index: int, instance: int, size: int
) -> None:
    image = draw(index, instance, difficulty=difficulty, image_size=size, domain=domain)[0]
    expected = reference.image(domain.value, index, instance, size, difficulty.model_dump())
    assert np.array_equal(image, np.array(expected, dtype=np.uint8))


def test_classes_differ_in_outline_and_in_texture() -> None:
    classes = [class_parameters(SHAPES, index, domain) for index in range(500) for domain in list(Domain)[:4]]
    for cue in (0, 1):
        assert len({parameters[cue].tobytes() for parameters in classes}) == 1000  # four domains, two class tags


def silhouettes(images: Images) -> Images:
    """Return where there is ink: the outline, without the texture."""
    return (images[:, 0] > 30).reshape(len(images), -1).astype(np.float32)


def spectra(images: Images) -> Images:
    """Return the amplitudes of the waves inside the outline, whatever their phases: local statistics."""
    grey = images[:, 0].astype(np.float32)
    ink = grey > 30
    mean = (grey * ink).sum((1, 2), keepdims=True) / np.maximum(ink.sum((1, 2), keepdims=True), 1)
    waves = np.abs(np.fft.rfft2(np.where(ink, grey - mean, 0), axes=(1, 2))).reshape(len(images), -1)
    return (waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1)).astype(np.float32)


def images_of(target: str, number: int, split: str = "test") -> tuple[Images, np.ndarray]:
    data = CATALOGUE[target].open()
    indices = getattr(data, split)[:number]
    return data.read(indices, SIZE), data.labels[indices]


def answers(rule, images: Images) -> np.ndarray:
    """Return the answers of the nearest mean of a rule's features of the training images of `shapes-heldout`."""
    seen, labels = images_of("shapes-heldout", 1600, "pool")
    features, asked = rule(seen), rule(images)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(NUM_CLASSES)])
    return ((asked[:, np.newaxis] - means) ** 2).sum(axis=2).argmin(axis=1)


@pytest.fixture(scope="module")
def tested() -> dict[str, Images]:
    return {target: images_of(target, 800)[0] for target in TARGETS}


def test_in_conflict_a_rule_of_outlines_names_the_outline_and_one_of_local_statistics_the_texture(
    tested: dict[str, Images],
) -> None:
    """Shape bias, the share of outline answers among those that name either cue, is near 1 and near 0."""
    outlines, textures = (cues[:800] for cues in cues_of_test("shapes-conflict"))
    assert not (outlines == textures).any()
    for rule, least, most in ((silhouettes, 0.95, 1.0), (spectra, 0.0, 0.01)):
        found = answers(rule, tested["shapes-conflict"])
        shape, texture = (found == outlines).sum(), (found == textures).sum()
        assert shape + texture > 0.6 * len(found)
        assert least <= shape / (shape + texture) <= most


def test_each_cue_tells_the_class_where_it_should(tested: dict[str, Images]) -> None:
    labels = images_of("shapes-heldout", 800)[1]
    told = {
        (rule.__name__, target): (answers(rule, images) == labels).mean()
        for rule in (silhouettes, spectra)
        for target, images in tested.items()
        if target != "shapes-conflict"
    }
    by_chance = 2 / NUM_CLASSES
    assert min(told["silhouettes", "shapes-heldout"], told["silhouettes", "shapes-outline"]) > 0.6 > by_chance
    assert told["silhouettes", "shapes-texture"] < by_chance
    assert min(told["spectra", "shapes-heldout"], told["spectra", "shapes-texture"]) > 0.95
    assert told["spectra", "shapes-outline"] < by_chance


def test_a_shuffle_of_the_patches_keeps_the_answer_of_local_statistics(tested: dict[str, Images]) -> None:
    """Each patch keeps most of the texture, and none of the outline."""
    patches = tested["shapes-heldout"].reshape(-1, 3, 4, 8, 4, 8).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 16, 3, 8, 8)

    def statistics(images: Images) -> Images:
        """Return the mean spectrum of the 16 patches of each image."""
        parts = images.reshape(-1, 3, 4, 8, 4, 8).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 3, 8, 8)
        return spectra(parts).reshape(len(images), 16, -1).mean(axis=1)

    order = np.random.default_rng(0).permutation(16)
    shuffled = patches[:, order].reshape(-1, 4, 4, 3, 8, 8).transpose(0, 3, 1, 4, 2, 5).reshape(-1, 3, SIZE, SIZE)
    whole = answers(statistics, tested["shapes-heldout"])
    assert (answers(statistics, shuffled) == whole).mean() > 0.99
    assert (answers(silhouettes, shuffled) == answers(silhouettes, tested["shapes-heldout"])).mean() < 0.3


def test_the_targets_have_images_of_their_own_and_equal_classes() -> None:
    images = [images_of(target, 320, split)[0] for target in TARGETS for split in ("pool", "validation", "test")]
    assert len({image.tobytes() for part in images for image in part}) == 12 * 320
    for target in TARGETS:
        data, sizes = CATALOGUE[target].open(), CATALOGUE[target].sizes
        assert (len(data.pool), len(data.validation), len(data.test)) == sizes[1:]
        assert len(set(np.bincount(data.labels[data.test]))) == 1
        assert not data.flip
