"""A training's state in one file: written whole or not at all, and read back only if every byte is as it was.

The file is the SHA-256 of all that follows, then tensors as safetensors, with everything else as JSON in one of
them. Reading it runs no code, whatever is in it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from bench.training.trainer import State

FACTS = "facts"
DIGEST_BYTES = hashlib.sha256().digest_size


class DamagedCheckpoint(ValueError):
    """The file is not one that was written here whole."""


def checkpoint_bytes(state: State) -> bytes:
    """What a checkpoint's file holds."""
    tensors, facts = state
    text = torch.frombuffer(bytearray(json.dumps(facts).encode()), dtype=torch.uint8)
    payload = safetensors.torch.save(_apart(tensors) | {FACTS: text})
    return hashlib.sha256(payload).digest() + payload


def read_checkpoint(path: Path) -> State | None:
    """The state in a file, on the CPU; None where there is no file.

    Raises:
        DamagedCheckpoint: something else than a whole checkpoint is there; the message says what.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedCheckpoint(f"it cannot be read: {error.strerror}") from None
    digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise DamagedCheckpoint("it is cut short or altered: its SHA-256 is not the one at its beginning")
    try:
        tensors = safetensors.torch.load(payload)
        facts: dict[str, Any] = json.loads(tensors.pop(FACTS).numpy().tobytes())
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedCheckpoint(f"it holds something else: {error}") from None
    return tensors, facts


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the host, contiguous, and no two in one memory: a network may have one tensor under two names."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        if own.data_ptr() in seen:
            own = own.clone()
        seen.add(own.data_ptr())
        apart[name] = own
    return apart
