"""Counter-based randomness: a value is a hash of its name and counters, never the state of a generator.

A value is therefore the same on every machine, in any order and batch, and in every version of NumPy. The mixing
function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, Stafford's variant 13), on integers only.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: the step between the counters of a stream."""


def hash_words(*words: int | str | NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return the hash of a sequence of words, elementwise for arrays, which broadcast; the order of words matters."""
    hashed = np.zeros(1, dtype=np.uint64)
    for word in words:
        hashed = mix((hashed ^ _as_uint64(word)) + GOLDEN)
    return hashed


def stream_seed(seed: int, name: str) -> int:
    """Return the seed, 0 to 2^63 - 1, of the stream `name` ("init", "order", "augmentation", "head", "draw", "drop").

    Layers that draw random numbers in training, such as stochastic depth, use the stream "drop" followed by the stage.
    """
    return int(hash_words(seed, name)[0] >> np.uint64(1))


def permutation(seed: int, size: int) -> NDArray[np.int64]:
    """Return 0 to size - 1 in an order that depends on the two arguments alone."""
    return np.argsort(hash_words(seed, np.arange(size)), kind="stable").astype(np.int64)


def below(hashes: NDArray[np.uint64], bound: int | NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return integers from 0 to bound - 1 from the upper 32 bits of hashes; each bound is at most 2^32."""
    bounds = np.asarray(bound, dtype=np.uint64)
    return ((hashes >> np.uint64(32)) * bounds >> np.uint64(32)).astype(np.int64)


def uniform(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return numbers in [0, 1) from the upper 53 bits of hashes."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return scrambled 64-bit words; this bijection changes half of the bits on average if one bit changes."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def sha256_of(*parts: str | NDArray[np.int64]) -> str:
    """Return the SHA-256 of texts and arrays of 64-bit integers, each preceded by its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part.astype("<i8").tobytes()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _as_uint64(word: int | str | NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return a word as an array of 64-bit words; a text becomes the first bytes of its SHA-256."""
    if isinstance(word, str):
        word = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    if isinstance(word, int):
        return np.array([word & 0xFFFF_FFFF_FFFF_FFFF], dtype=np.uint64)
    return word.astype(np.uint64)
