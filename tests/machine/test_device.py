"""CUDA is taken only if torch can use it, and otherwise refused with torch's reason before anything is written."""

import pytest
import torch

from bench.machine import device
from bench.machine.device import choose_device, why_no_cuda
from tests import in_process

SUITE = "{corpus: [], models: [vit_pico/8], targets: [digits@20], seeds: [0], images: {pretrain: 32, transfer: 32}"


def fail(message: str) -> None:
    raise RuntimeError(message)


@pytest.fixture
def blind_torch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "init", lambda: fail("No CUDA GPUs are available"))
    return monkeypatch


def test_torch_without_cuda_is_told_from_a_device_that_it_cannot_use(blind_torch):
    blind_torch.setattr(torch.version, "cuda", None)
    assert f"torch {torch.__version__} was built without CUDA" in why_no_cuda()


def test_torch_s_own_reason_is_given(blind_torch):
    told = "The NVIDIA driver on your system is too old (found version 11040)"
    blind_torch.setattr(torch.cuda, "init", lambda: fail(f"{told}.\nPlease update"))
    assert why_no_cuda().endswith(f"that torch can use: torch says: {told}")


@pytest.mark.parametrize(("value", "said"), [("", "empty"), ("7", "7")])
def test_devices_that_are_hidden_are_named_as_the_cause(blind_torch, value, said):
    blind_torch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert why_no_cuda().endswith(f"torch says: No CUDA GPUs are available (CUDA_VISIBLE_DEVICES is {said})")


def test_a_usable_device_has_no_reason(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert why_no_cuda() == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine whose torch has no CUDA device")
@pytest.mark.parametrize(
    "words",
    [
        *(["run"], ["run", "--device", "cuda"], ["plan", "--estimate", "--device", "cuda"]),
        ["tune", "--device", "cuda"],
    ],
    ids=" ".join,
)
def test_nothing_is_written_or_trained_for_a_device_that_torch_cannot_use(words, tmp_path, monkeypatch):
    """Without `--device` the driver decides, which here sees a device that torch does not."""
    monkeypatch.setattr(device, "driver_sees_a_device", lambda: True)
    assert choose_device(None) == "cuda"
    tuning = ", tuning: {trials: 2, space: {learning_rate: [0.001, 0.002]}}" if words[0] == "tune" else ""
    (tmp_path / "one.yaml").write_text(f"{SUITE}{tuning}}}", encoding="utf-8")
    ended = in_process.bench(words[0], "one.yaml", *words[1:], folder=tmp_path)
    assert ended.code == 2, ended
    assert "error: device cuda: there is no CUDA device that torch can use: torch says: " in ended.errors
    assert "`--device cpu`" in ended.errors
    assert not (tmp_path / "results").exists()
