"""A run's folder back to a model: the same logits, the run's own preprocessing, and clear refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import models


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_run(tmp_path)
    return tmp_path


def write_run(folder: Path, spec: str = "vit_pico/8", **changes: Any) -> None:
    record = {
        "schema_version": 1,
        "status": "ok",
        "reason": "",
        "run": {"model": spec, "image_size": 32},
        "data": {"class_names": ["ant", "bee", "cow"]},
        "preprocessing": {"image_size": 32, "mean": 0.5, "std": 0.25},
    } | changes
    (folder / "record.json").write_text(json.dumps(record))
    save_file(models.build("vit_pico/8", num_classes=3, seed=5).state_dict(), folder / "weights.safetensors")


def pixels(size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_the_trained_weights_come_back(run_folder: Path) -> None:
    loaded = models.load(run_folder)
    batch = loaded.preprocess(pixels())[None]
    assert torch.equal(loaded.model(batch), models.build("vit_pico/8", num_classes=3, seed=5)(batch))
    assert not loaded.model.training
    assert loaded.class_names == ("ant", "bee", "cow")
    assert str(loaded.spec) == "vit_pico/8"


def test_preprocessing_is_the_run_s(run_folder: Path) -> None:
    preprocess = models.load(str(run_folder)).preprocess
    tensor = preprocess(pixels())
    assert tensor.dtype == torch.float32
    expected = (pixels().transpose(2, 0, 1).astype(np.float64) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(preprocess(Image.fromarray(pixels())), tensor)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_any_picture_is_made_to_fit(run_folder: Path, mode: str) -> None:
    picture = Image.fromarray(pixels(50)).convert(mode).resize((50, 41))
    tensor = models.load(run_folder).preprocess(picture)
    assert tensor.shape == (3, 32, 32)
    assert tensor.isfinite().all()


def test_the_central_square_is_kept(run_folder: Path) -> None:
    wide = np.concatenate([np.full((32, 16, 3), edge, dtype=np.uint8) for edge in (0, 255)], axis=1)
    wide = np.concatenate([np.zeros((32, 40, 3), dtype=np.uint8), wide, np.zeros((32, 40, 3), dtype=np.uint8)], axis=1)
    preprocess = models.load(run_folder).preprocess
    assert torch.equal(preprocess(wide), preprocess(np.ascontiguousarray(wide[:, 40:72])))


def test_pictures_of_16_bits_and_turned_ones_are_read_as_seen(run_folder: Path) -> None:
    preprocess = models.load(run_folder).preprocess
    grey = pixels()[..., 0]
    deep = Image.fromarray(grey.astype(np.uint16) * 256)
    assert torch.equal(preprocess(deep), preprocess(Image.fromarray(grey)))
    turned = Image.fromarray(pixels())
    turned.getexif()[0x0112] = 3  # stored upside down
    assert torch.equal(preprocess(turned), preprocess(np.ascontiguousarray(pixels()[::-1, ::-1])))


def test_an_array_that_is_no_picture_is_refused(run_folder: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        models.load(run_folder).preprocess(np.zeros((3, 32, 32), dtype=np.uint8))
    with pytest.raises(ValueError, match="float32"):
        models.load(run_folder).preprocess(np.zeros((32, 32, 3), dtype=np.float32))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(models.SpecError, match=r"record\.json is missing"):
        models.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"status": "ok"}'])
def test_a_record_that_is_none_is_refused(run_folder: Path, text: str) -> None:
    (run_folder / "record.json").write_text(text)
    with pytest.raises(models.SpecError, match="is not the record of a run"):
        models.load(run_folder)


def test_a_failed_run_is_refused_with_its_reason(run_folder: Path) -> None:
    write_run(run_folder, status="diverged", reason="loss is NaN at step 3")
    with pytest.raises(models.SpecError, match="'diverged', not 'ok': loss is NaN at step 3"):
        models.load(run_folder)


def test_missing_weights_are_refused(run_folder: Path) -> None:
    (run_folder / "weights.safetensors").unlink()
    with pytest.raises(models.SpecError, match=r"weights\.safetensors can't be read"):
        models.load(run_folder)


def test_pictures_of_more_bits_are_read_as_in_training(run_folder: Path) -> None:
    preprocess = models.load(run_folder).preprocess
    white = preprocess(Image.new("RGB", (32, 32), "white"))
    assert torch.equal(preprocess(Image.fromarray(np.ones((32, 32), np.float32))), white)
    assert torch.equal(preprocess(Image.fromarray(np.full((32, 32), 65_535, np.uint16))), white)
    with pytest.raises(ValueError, match=r"its values are below 4,096"):
        preprocess(Image.fromarray(np.full((32, 32), 255, np.uint16)))


def test_weights_of_another_model_are_all_listed(run_folder: Path) -> None:
    write_run(run_folder, spec="vit_pico/16:pos=none")
    with pytest.raises(models.SpecError) as error:
        models.load(run_folder)
    assert "pos_embed: expected nothing, got (1, 17, 64)" in str(error.value)
    assert "patch_embed.proj.weight: expected (64, 3, 16, 16), got (64, 3, 8, 8)" in str(error.value)
