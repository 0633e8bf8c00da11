"""A training's state in one file, which is read back only if every byte is unchanged.

The file holds a SHA-256 digest and then its payload: a dictionary of tensors, numbers, strings and lists, written by
`torch.save`. Reading the file never runs code from it (`weights_only`).
"""

import hashlib
import io
from pathlib import Path

import torch

from bench.files.plain import read_plain
from bench.training.trainer import State

DIGEST_BYTES = hashlib.sha256().digest_size


class DamagedCheckpoint(ValueError):
    """The file is not a whole checkpoint; the message gives the reason."""


def checkpoint_bytes(state: State) -> bytes:
    """Return the content of a checkpoint's file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return hashlib.sha256(buffer.getbuffer()).digest() + buffer.getbuffer()


def read_checkpoint(path: Path) -> State | None:
    """Read the state in a file onto the CPU; return None if there is no file.

    Raises:
        DamagedCheckpoint: the file is not a whole checkpoint.
    """
    try:
        content = read_plain(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedCheckpoint(f"it cannot be read: {error.strerror}") from None
    digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise DamagedCheckpoint("it is cut short or altered: its SHA-256 is not the one at its beginning")
    try:
        state: State = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises errors of many types, depending on the bytes
        raise DamagedCheckpoint(f"it holds something else: {type(error).__name__}") from None
    return state
