"""Draws that are the same on every machine, in every version and in any order.

Each draw has its own counter-based generator (Philox 4x64, Salmon et al. 2011), keyed by what
the draw is for: (seed, key, condition). Results therefore do not depend on batch size, on the
number of workers or on what was drawn before. Only the generator's raw words are used, whose
stream NumPy guarantees, never its distributions, whose streams it may change.

Deviation: Naseer et al. 2021 draw one mask for each batch from a global generator; here each
image has its own.
"""

import hashlib
import json

import numpy as np
import numpy.typing as npt

__all__ = ["REQUEST_KEY", "permutation", "random_words"]

REQUEST_KEY = "request"
"""The key of an image that has no path in a data set: the seed alone then names the draw."""


def permutation(n: int, *, seed: int, key: str, condition: str) -> npt.NDArray[np.int64]:
    """A uniformly drawn order of 0 … n - 1.

    seed: any integer; it comes back in results.
    key: the image's relative path in its data set, or `REQUEST_KEY`.
    condition: what is drawn, such as "patch-drop/14x14".
    Returns (n,) int64, every number once: the order that sorts n random 64-bit words; the sort
    is stable, so equal words (one chance in 2^64 a pair) keep their order everywhere.
    """
    words = random_words(n, seed=seed, key=key, condition=condition)
    return np.argsort(words, kind="stable").astype(np.int64, copy=False)


def random_words(n: int, *, seed: int, key: str, condition: str) -> npt.NDArray[np.uint64]:
    """Uniform 64-bit words, (n,) uint64; arguments as in `permutation`."""
    philox = np.random.Philox(key=_philox_key(seed, key, condition))
    return np.atleast_1d(philox.random_raw(n))


def _philox_key(seed: int, key: str, condition: str) -> int:
    """128 bits that differ wherever seed, key or condition do."""
    # JSON quotes what it joins: ("a/b", "c") and ("a", "b/c") cannot become the same text.
    identity = json.dumps([int(seed), key, condition]).encode("ascii")
    return int.from_bytes(hashlib.blake2b(identity, digest_size=16).digest(), "little")
