"""The kernels that draw fractals on CUDA: the renderer's bytes, in Triton's interpreter and on a device."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.data.fractals.source import Difficulty, Domain, outlines_of, render, render_on

DIFFICULTIES = [
    Difficulty(jitter_percent=0, shift_pixels=0),
    Difficulty(),
    Difficulty(polarity="both"),
    Difficulty(colour="instance"),
    Difficulty(rotation="any"),
    Difficulty(jitter_percent=50, shift_pixels=5, polarity="both", colour="instance", rotation="any"),
]
CLASSES, INSTANCES = np.array([0, 7, 99_999]), np.array([0, 2**31 - 1, 3])

INTERPRETED = """
import sys
import numpy as np, torch
from bench.data import chaos_game, chaos_game_cuda
chaos_game_cuda.IMAGES_OF_PROGRAM = 8
drawn = {}
for name, outlines in np.load(sys.argv[1]).items():
    size = int(name)
    chaos_game_cuda.CELLS = 14 * size**2
    drawn[name] = chaos_game_cuda.draw_outlines(torch.from_numpy(outlines), chaos_game.num_points(size), size).numpy()
np.savez(sys.argv[1], **drawn)
"""
"""Up to 14 images in a launch, 8 in a program, so that parts and programs end early."""


def test_the_interpreted_kernels_draw_the_same_bytes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """In a process of its own, since Triton decides when it is imported; a larger size shows less and takes longer."""
    pytest.importorskip("triton")
    wanted = {8: DIFFICULTIES, 17: DIFFICULTIES[-1:]}
    path = tmp_path / "images.npz"
    np.savez(path, **{str(size): outlines(size, difficulties) for size, difficulties in wanted.items()})
    command = [sys.executable, "-c", INTERPRETED, str(path)]
    subprocess.run(command, check=True, cwd=pytestconfig.rootpath, env=os.environ | {"TRITON_INTERPRET": "1"})
    with np.load(path) as drawn:
        assert all(np.array_equal(drawn[str(size)], images(size, wanted[size])) for size in wanted)


@pytest.mark.parametrize("architecture", [80, 90])
def test_the_kernels_compile_for_cuda(architecture: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which needs no device: what the interpreter takes, the compiler may not."""
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from bench.data.fractals import render_cuda as cuda

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for kernel, numbers, num_here in (
        (cuda._count_hits, ("num_images", "steps", "frame"), cuda.IMAGES_OF_PROGRAM),
        (cuda._paint, ("size", "frame", "typical"), cuda.PIXELS_OF_PROGRAM),
    ):
        pointers = {"outlines": "*i32", "hits": "*i32", "images": "*u8"}
        signature = {name: "i32" if name in numbers else pointers.get(name, "constexpr") for name in kernel.arg_names}
        source = ASTSource(kernel, signature, {"num_here": num_here})
        compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=cuda.OPTIONS)
        assert compiled.asm["cubin"]


def test_a_cpu_draws_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "bench.data.fractals.render_cuda", raising=False)
    drawn = on_device("cpu", 32, DIFFICULTIES)
    assert drawn.dtype == torch.uint8
    assert np.array_equal(drawn.numpy(), images(32, DIFFICULTIES))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; Triton's interpreter stands in for it")
@pytest.mark.parametrize("size", [8, 32, 65, 224, 511])
def test_a_device_draws_the_same_bytes(size: int) -> None:
    drawn = on_device("cuda", size, DIFFICULTIES, many=True)
    assert drawn.device.type == "cuda"
    assert np.array_equal(drawn.cpu().numpy(), images(size, DIFFICULTIES, many=True))


def asked_for(many: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Three classes and instances, or more than are drawn at once at 224 px."""
    return (np.arange(200) * 497, np.arange(200) * 10_000_019) if many else (CLASSES, INSTANCES)


def outlines(size: int, difficulties: list[Difficulty]) -> NDArray[np.int32]:
    settings = {"image_size": size, "domain": Domain.PRETRAIN}
    return np.concatenate([outlines_of(CLASSES, INSTANCES, difficulty=one, **settings) for one in difficulties])


def images(size: int, difficulties: list[Difficulty], many: bool = False) -> NDArray[np.uint8]:
    settings = {"image_size": size, "domain": Domain.PRETRAIN}
    return np.concatenate([render(*asked_for(many), difficulty=one, **settings) for one in difficulties])


def on_device(name: str, size: int, difficulties: list[Difficulty], many: bool = False) -> torch.Tensor:
    settings = {"image_size": size, "domain": Domain.PRETRAIN}
    device = torch.device(name)
    return torch.cat([render_on(device, *asked_for(many), difficulty=one, **settings) for one in difficulties])
