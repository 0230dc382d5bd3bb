"""Partial results: added up, and written to bytes that any machine reads back.

Counts are whole numbers, whose sum does not depend on the order or on where the data set was cut.
"""

import io
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from ipvit.experiments.experiment import Arrays, Partial

__all__ = ["EMPTY", "add_sums", "merge", "pack_partial", "unpack_partial"]

EMPTY = Partial(images=0, sums={})
"""What no image contributed."""

PREFIX = "sums/"


def merge(partials: Iterable[Partial]) -> Partial:
    """Add the sums.

    Parts without images are left out. Raises ValueError if two parts do not hold the same arrays.
    """
    parts = [partial for partial in partials if partial.images]
    if not parts:
        return EMPTY
    for part in parts[1:]:
        _check_same(parts[0].sums, part.sums)
    return Partial(
        images=sum(part.images for part in parts),
        sums=reduce(add_sums, (part.sums for part in parts)),
    )


def add_sums(left: Arrays, right: Arrays) -> Arrays:
    """Array by array; an empty side is nothing."""
    if not left or not right:
        return left or right
    _check_same(left, right)
    return {name: np.add(array, right[name]) for name, array in left.items()}


def pack_partial(partial: Partial) -> bytes:
    """The partial as a compressed npz file."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"{PREFIX}{name}": array for name, array in partial.sums.items()}
    np.savez_compressed(buffer, images=np.int64(partial.images), **arrays)
    return buffer.getvalue()


def unpack_partial(data: bytes) -> Partial:
    """What `pack_partial` packed; nothing in it is executed. Raises ValueError for other bytes."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = dict(file)
            return Partial(int(arrays.pop("images")), _without_prefix(arrays))
    except Exception as error:  # a broken file fails in zipfile, zlib, numpy or here
        raise ValueError(f"expected a packed partial result, got other bytes: {error}") from error


def _without_prefix(arrays: Arrays) -> Arrays:
    return {name.removeprefix(PREFIX): array for name, array in arrays.items()}


def _check_same(left: Mapping[str, object], right: Mapping[str, object]) -> None:
    if left.keys() != right.keys():
        raise ValueError(
            f"expected parts of the same arrays, got {sorted(left)} and {sorted(right)}"
        )
