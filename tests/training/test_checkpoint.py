"""Checkpoints: a training that was stopped anywhere and taken up again ends in the same bits."""

import random

import numpy as np
import pytest
import torch
from safetensors.torch import save

import models
from bench.training.checkpoint import DamagedCheckpoint, checkpoint_bytes, read_checkpoint
from bench.training.compute import compute_on
from bench.training.history import Diverged
from bench.training.loop import train
from bench.training.settings import Settings
from bench.training.trainer import Trainer

STEPS = 5
KINDS = [
    Settings(batch_size=8),
    Settings(batch_size=8, optimizer="adam", layer_decay=0.7, schedule="linear"),
    Settings(batch_size=8, optimizer="sgd", schedule="step", milestones=(0.5,), decayed="all", clip_norm=None),
    Settings(batch_size=8, ema=0.9, micro_batch=3, fused=False, label_smoothing=0.1),
    Settings(batch_size=8, channels_last=True, ema=0.9),
]
DRAWS = ["vit_pico/8:depth=1,drop_path=0.5", "timm:test_resnet", "r_pico+vit_pico/8:depth=1"]


class Killed(Exception):
    """Stands for the end of a process: nothing after it is done."""


def begun(name: str, settings: Settings) -> Trainer:
    torch.manual_seed(5)
    model = models.build(name, num_classes=3, seed=0)
    return Trainer(model, STEPS, settings, compute_on("cpu", "fp32"))


def batches(start: int = 0):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(STEPS, 8, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 3, (STEPS, 8), generator=generator)
    return list(zip(images, labels, strict=True))[start:]


def killed_after(step: int, path, training: Trainer) -> None:
    def watch(now: Trainer) -> None:
        if now.step == step:
            path.write_bytes(checkpoint_bytes(now.state()))
        if now.step == min(step + 2, STEPS):  # steps after the checkpoint are lost
            raise Killed

    with pytest.raises(Killed):
        train(training, batches(), watch)


@pytest.mark.parametrize(("settings", "name"), list(zip(KINDS, [*DRAWS, *DRAWS[:2]], strict=True)))
def test_a_training_goes_on_bit_for_bit_whatever_the_recipe(tmp_path, settings, name):
    whole = begun(name, settings)
    fit = train(whole, batches())
    expected = whole.model.state_dict()
    for step in (2, STEPS):
        path = tmp_path / "checkpoint"
        killed_after(step, path, begun(name, settings))
        torch.manual_seed(step)  # the new process' generators are anywhere
        np.random.seed(step)
        random.seed(step)
        resumed = begun(name, settings)
        resumed.restore(read_checkpoint(path))
        assert resumed.step == step
        again = train(resumed, batches(step))
        found = resumed.model.state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        assert again.history.equals(fit.history)
        assert again.images_seen == fit.images_seen


def test_every_random_stream_goes_on():
    training = begun("vit_pico/8:depth=1", KINDS[0])
    state = training.state()
    drawn = (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random())
    training.restore(state)
    assert (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()) == drawn


def test_seconds_add_up_over_sessions_and_pauses_do_not_count():
    training = begun("vit_pico/8:depth=1", KINDS[0])
    training.begin()
    with training.paused():
        pass
    first = training.seconds
    state = training.state()
    resumed = begun("vit_pico/8:depth=1", KINDS[0])
    resumed.restore(state)
    assert resumed.seconds >= first > 0
    before = resumed.seconds
    resumed.begin()
    assert resumed.seconds > before


def test_a_loss_that_is_not_finite_is_not_kept():
    training = begun("bit_resnet_pico", KINDS[0])
    training.history.every = 5
    images, labels = batches()[0]
    training.take_step(images * float("nan"), labels, 0.1)
    with pytest.raises(Diverged, match="nan at step 1"):
        training.state()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda content: content[:-9], "cut short or altered"),
        (lambda content: content[:100] + b"x" + content[101:], "cut short or altered"),
        (lambda content: b"", "cut short or altered"),
        (lambda content: _signed(b"no safetensors"), "something else"),
        (lambda content: _signed(save({"a": torch.ones(1)})), "something else"),
    ],
)
def test_a_damaged_checkpoint_is_noticed(tmp_path, damage, what):
    path = tmp_path / "checkpoint"
    path.write_bytes(damage(checkpoint_bytes(begun("vit_pico/8:depth=1", KINDS[0]).state())))
    with pytest.raises(DamagedCheckpoint, match=what):
        read_checkpoint(path)


def test_a_crafted_pickle_is_no_checkpoint_and_is_not_run(tmp_path):
    import pickle

    mark = tmp_path / "mark"

    class Crafted:
        def __reduce__(self):
            return (mark.write_text, ("code ran",))

    path = tmp_path / "checkpoint"
    path.write_bytes(_signed(pickle.dumps(Crafted())))
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(path)
    assert not mark.exists()


def test_no_file_is_no_checkpoint(tmp_path):
    assert read_checkpoint(tmp_path / "checkpoint") is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(DamagedCheckpoint, match="cannot be read"):
        read_checkpoint(tmp_path / "folder")


def _signed(payload: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(payload).digest() + payload
