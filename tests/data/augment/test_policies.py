"""Crops, erasing and mixing: boxes as torchvision draws them, pixels and labels that agree, whatever the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as vision
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, ks_2samp, kstest
from torch import Tensor
from torchvision.transforms import RandomErasing, RandomResizedCrop
from torchvision.transforms.v2 import CutMix

from bench.data.augment.erasing import Erasing, erase
from bench.data.augment.mixing import Mixing, mix, mixed_labels
from bench.data.augment.policies import AutoAugment, RandAugment
from bench.data.augment.resized import ResizedCrop, crop_resized
from bench.data.dataset import ImageSet, in_memory
from bench.data.loading.batches import scaled, training_batches
from bench.data.loading.image_loader import ImageLoader
from bench.data.loading.stream import Augmentation, Stream
from bench.data.random import hash_words

CPU = torch.device("cpu")
SIZE = 32
ALL = Augmentation(0, True, ResizedCrop(), RandAugment(), Erasing(), Mixing(0.8, 1.0))
EACH = {
    "resized crop": Augmentation(flip=True, resized_crop=ResizedCrop()),
    "randaugment": Augmentation(2, True, policy=RandAugment()),
    "autoaugment": Augmentation(2, True, policy=AutoAugment()),
    "erasing": Augmentation(erasing=Erasing()),
    "mixup": Augmentation(mixing=Mixing(mixup=0.8)),
    "cutmix": Augmentation(mixing=Mixing(cutmix=1.0)),
    "all": ALL,
}


def noise(num_images: int, size: int = SIZE) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (num_images, 3, size, size), dtype=np.uint8)
    return in_memory(images, np.arange(num_images))


def stream(augmentation: Augmentation, batch_size: int = 16, num_images: int = 100, seed: int = 1) -> Stream:
    return Stream(seed, "pretrain", num_images, batch_size, augmentation, num_classes=30)


def seen(data: ImageSet, one: Stream, start: int = 0, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
    batches = list(training_batches(data, one, ImageLoader("resident", device), start=start))
    *full, last = (len(images) for images, _ in batches)
    assert set(full) <= {one.batch_size}
    assert last <= one.batch_size + (one.batch_size > 1)  # a single image that is left over joins the batch before
    assert all(len(images) == len(labels) for images, labels in batches)
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


def hashes(num_images: int, seed: int = 0) -> NDArray[np.uint64]:
    return hash_words(seed, np.arange(num_images))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(EACH)), st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_neither_the_batch_size_nor_a_resume_changes_what_is_seen(name: str, one: int, other: int, start: int) -> None:
    data = noise(30, 16)
    images, labels = seen(data, stream(EACH[name], one))
    resumed = seen(data, stream(EACH[name], other), start)
    assert torch.equal(images[start:], resumed[0])
    assert torch.equal(labels[start:], resumed[1])


@pytest.mark.parametrize("name", EACH)
def test_a_long_stream_is_planned_in_parts_without_a_seam(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = seen(noise(30), stream(EACH[name], 7))
    monkeypatch.setattr("bench.data.loading.stream.PLANNED", 15)
    parts = seen(noise(30), stream(EACH[name], 7))
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


@pytest.mark.parametrize("name", EACH)
def test_seed_stage_and_epoch_each_change_the_draws_and_torchs_generator_does_not(name: str) -> None:
    data = noise(1)
    torch.manual_seed(0)
    first = seen(data, stream(EACH[name]))
    torch.manual_seed(1)
    again = seen(data, stream(EACH[name]))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    if name not in ("mixup", "cutmix"):  # of one image alone, mixed with itself
        others = [stream(EACH[name], seed=2), replace(stream(EACH[name]), stage="transfer")]
        assert not any(torch.equal(first[0], seen(data, other)[0]) for other in others)
        assert len({image.numpy().tobytes() for image in first[0]}) > 20


@pytest.mark.parametrize("name", EACH)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_sees_the_same_batches(name: str) -> None:
    images, labels = seen(noise(30), stream(EACH[name]))
    on_gpu = seen(noise(30), stream(EACH[name]), device=torch.device("cuda"))
    torch.testing.assert_close(on_gpu[0].cpu(), images, rtol=0, atol=1e-6)
    torch.testing.assert_close(on_gpu[1].cpu(), labels)


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 48), st.integers(0, 100))
def test_a_resized_crop_is_torchvisions_within_one_level(size: int, seed: int) -> None:
    data = noise(6, size)
    boxes = torch.from_numpy(ResizedCrop().draw(hashes(12, seed), size))
    index, mirrored = torch.arange(12) % 6, torch.arange(12) % 2
    images = crop_resized(torch.from_numpy(data.images), index, boxes, mirrored)
    for image, source, box, flip in zip(images, index, boxes.T.tolist(), mirrored, strict=True):
        expected = vision.resized_crop(torch.from_numpy(data.images)[source], *box, [size, size])
        expected = expected.flip(2) if flip else expected
        assert (image.int() - expected.int()).abs().max() <= 1


def test_a_crop_of_everything_changes_nothing() -> None:
    whole = ResizedCrop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    images, labels = seen(noise(30), stream(Augmentation(resized_crop=whole)))
    assert torch.equal(images, scaled(torch.from_numpy(noise(30).images))[labels])


def torchvisions_boxes(transform: RandomResizedCrop | RandomErasing, num_images: int) -> NDArray[np.int64]:
    """Boxes (4, n) that torchvision draws with its own generator."""
    image = torch.zeros(3, SIZE, SIZE)
    value = {"value": [0.0]} if isinstance(transform, RandomErasing) else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [
            transform.get_params(image, scale=transform.scale, ratio=transform.ratio, **value)[:4]
            for _ in range(num_images)
        ]
    return np.array(drawn).T


def assert_alike(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> None:
    """Of one distribution each: top, left, height, width, area and ratio."""
    for one, other in zip(ours, theirs, strict=True):
        assert ks_2samp(one, other).pvalue > 0.01
    assert ks_2samp(ours[2] * ours[3], theirs[2] * theirs[3]).pvalue > 0.01
    assert ks_2samp(ours[3] / ours[2], theirs[3] / theirs[2]).pvalue > 0.01


@pytest.mark.parametrize(
    "crop", [ResizedCrop(), ResizedCrop((0.9, 1.0), (0.4, 0.5)), ResizedCrop((0.5, 1.0), (2.0, 3.0))]
)
def test_crops_are_distributed_as_torchvisions(crop: ResizedCrop) -> None:
    theirs = torchvisions_boxes(RandomResizedCrop(SIZE, crop.scale, crop.ratio), 4000)
    assert_alike(crop.draw(hashes(4000), SIZE), theirs)


@pytest.mark.parametrize("erasing", [Erasing(1.0), Erasing(1.0, (0.1, 0.2), (0.3, 0.6))])
def test_erased_boxes_are_distributed_as_torchvisions(erasing: Erasing) -> None:
    theirs = torchvisions_boxes(RandomErasing(1.0, erasing.scale, erasing.ratio), 4000)
    assert_alike(erasing.draw(hashes(4000), SIZE), theirs)


def test_erasing_happens_as_often_as_asked_and_leaves_the_rest() -> None:
    boxes = Erasing(0.25).draw(hashes(4000), SIZE)
    assert abs(((boxes[2] > 0).mean()) - 0.25) < 0.03
    images = torch.rand(4000, 3, 8, 8) + 1
    small = Erasing(0.5).draw(hashes(4000), 8)
    erased = erase(images.clone(), torch.from_numpy(small))
    assert torch.equal((erased == 0).sum(dim=(1, 2, 3)), 3 * torch.from_numpy(small[2] * small[3]))
    assert torch.equal(erased[erased != 0], images[erased != 0])
    top, left, height, width = small[:, small[2].argmax()]
    assert (erased[small[2].argmax(), :, top : top + height, left : left + width] == 0).all()


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["mixup", "cutmix", "both"]), st.floats(0.1, 4), st.integers(0, 100))
def test_mixed_labels_sum_to_one_and_say_what_the_pixels_are(kind: str, alpha: float, seed: int) -> None:
    """Every image is of the value of its label, so that the mean of a mixed one says what it is made of."""
    mixing = Mixing(*(alpha if kind in (name, "both") else None for name in ("mixup", "cutmix")))
    boxes, share = (torch.from_numpy(column) for column in mixing.draw(hashes(20, seed), 8))
    labels = torch.arange(21)
    images = labels.float().view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    mixed, soft = mix(images, boxes, share), mixed_labels(labels, share, 21)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(20))
    assert (soft >= 0).all()
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), soft @ labels.float(), rtol=1e-5, atol=1e-5)


def test_each_image_is_mixed_with_the_one_before_it_in_the_order() -> None:
    data, plain = noise(30), Augmentation(flip=True, policy=RandAugment())
    alone, labels = seen(data, stream(plain, num_images=30))
    for mixing in (Mixing(mixup=1.0), Mixing(cutmix=1.0)):
        mixed, soft = seen(data, stream(replace(plain, mixing=mixing), num_images=30))
        torch.testing.assert_close(mixed[0], alone[0])
        for position in range(1, 30):
            own = soft[position, labels[position]]
            assert (own + soft[position, labels[position - 1]]).item() == pytest.approx(1, abs=1e-6)
            if mixing.mixup:
                expected = own * alone[position] + (1 - own) * alone[position - 1]
                torch.testing.assert_close(mixed[position], expected)
            else:
                is_own = (mixed[position] == alone[position]).all(dim=0)
                is_other = (mixed[position] == alone[position - 1]).all(dim=0)
                assert (is_own | is_other).all()
                assert is_own.float().mean() == pytest.approx(own.item(), abs=0.05)


@pytest.mark.parametrize("alpha", [0.2, 0.8, 1.0])
def test_the_share_of_mixup_is_of_the_beta_distribution(alpha: float) -> None:
    _, share = Mixing(mixup=alpha).draw(hashes(4000), SIZE)
    assert kstest(share, beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_boxes_of_cutmix_are_distributed_as_torchvisions() -> None:
    reference, image = CutMix(alpha=1.0, num_classes=2), torch.zeros(2, 3, SIZE, SIZE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [reference.make_params([image]) for _ in range(3000)]
    boxes, share = Mixing(cutmix=1.0).draw(hashes(3000), SIZE)
    x1, y1, x2, y2 = np.array([one["box"] for one in drawn]).T
    for ours, theirs in zip(boxes, (y1, x1, y2 - y1, x2 - x1), strict=True):
        assert ks_2samp(ours, theirs).pvalue > 0.01
    assert ks_2samp(share, [one["lam_adjusted"] for one in drawn]).pvalue > 0.01


def test_mixup_and_cutmix_together_share_the_images_evenly() -> None:
    boxes, share = Mixing(1.0, 1.0).draw(hashes(4000), SIZE)
    cut = boxes[2] * boxes[3] > 0
    assert abs(cut.mean() - 0.5) < 0.05
    np.testing.assert_allclose(share[cut], 1 - (boxes[2] * boxes[3] / SIZE**2)[cut])


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(AssertionError, match="exclude each other"):
        Augmentation(shift=1, resized_crop=ResizedCrop())
    lacking = Stream(0, "pretrain", 8, 4, Augmentation(mixing=Mixing(1.0)))
    with pytest.raises(AssertionError, match="number of classes"):
        seen(noise(4), lacking)
