"""A training's state in one file: written whole or not at all, and read back only if every byte is as it was.

The file is the SHA-256 of all that follows, then what `torch.save` makes of a dictionary of tensors, numbers, strings
and lists. Reading it runs no code, whatever is in it (`weights_only`).
"""

import hashlib
import io
from pathlib import Path

import torch

from bench.training.trainer import State

DIGEST_BYTES = hashlib.sha256().digest_size


class DamagedCheckpoint(ValueError):
    """The file is not one that was written here whole."""


def checkpoint_bytes(state: State) -> bytes:
    """Return the content of a checkpoint's file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return hashlib.sha256(buffer.getbuffer()).digest() + buffer.getbuffer()


def read_checkpoint(path: Path) -> State | None:
    """Read the state in a file onto the CPU; return None if there is no file.

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
        state: State = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, depending on what the bytes are
        raise DamagedCheckpoint(f"it holds something else: {type(error).__name__}") from None
    return state
