"""Which images and masks of a data set cannot be read, without keeping any."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ipvit.datasets.dataset import Dataset, Entry
from ipvit.datasets.decode_cache import DATASET_LIMITS
from ipvit.datasets.truths import read_truth
from ipvit.errors import InvalidInput
from ipvit.images import decode_image

__all__ = ["unreadable"]

_READ_TOGETHER = 64


def unreadable(dataset: Dataset, progress: Callable[[int, int], None]) -> Iterator[tuple[str, str]]:
    """Path and reason of each that cannot be read, in the order of the data set.

    progress: called with (images done, images in all).
    """
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for start in range(0, len(dataset), _READ_TOGETHER):
            stop = min(len(dataset), start + _READ_TOGETHER)
            entries = dataset.entries(start, stop)
            for entry, why in zip(
                entries, threads.map(lambda entry: _problem(dataset, entry), entries), strict=True
            ):
                if why is not None:
                    yield entry.path, why
            progress(stop, len(dataset))


def _problem(dataset: Dataset, entry: Entry) -> str | None:
    try:
        image = decode_image((dataset.root / entry.path).read_bytes(), DATASET_LIMITS)
        if entry.truth is not None:
            height, width = read_truth(dataset, entry).shape
            if (width, height) != (image.width, image.height):
                return (
                    f"expected a mask of {image.width}x{image.height} px, got {width}x{height} px"
                )
    except (InvalidInput, OSError) as error:
        return str(error)
    return None
