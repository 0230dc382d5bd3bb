"""Decode once: resized images of a data set, kept on disk in chunks and bounded in size.

A chunk is a fixed run of positions, whatever shards and batches ask for. Its pixels are those of
`ipvit.preprocessing.prepare`, before perturbation and normalisation, so that models whose input
has the same geometry share it. Chunks are written beside and renamed: several processes may read
and write at once, and the worst of a race is that both decode the same chunk.

Without room on the disk images are decoded each time they are asked for, and the work goes on.
"""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import PIL

from ipvit.datasets.chunk_files import Chunk, ChunkFiles
from ipvit.datasets.dataset import Dataset, Entry
from ipvit.datasets.index import IndexedDataset
from ipvit.errors import InvalidInput
from ipvit.images import ImageLimits, decode_image
from ipvit.preprocessing import Preprocessing, prepare

__all__ = ["DATASET_LIMITS", "DEFAULT_CACHE_BYTES", "PixelStore", "Pixels", "chunk_images"]

DEFAULT_CACHE_BYTES = 20 * 10**9

_CHUNK_BYTES = 8 * 2**20
_MOST_IMAGES = 1024
DATASET_LIMITS = ImageLimits(max_bytes=100 * 2**20)
"""Wider than a request's: whoever may read the folder put the files there."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """Some images of a data set as a model wants them.

    images: (n, 3, crop_px, crop_px) uint8, only those that decode.
    kept: (n,) their positions in the data set, ascending.
    failed: position in the data set to why that image did not decode.
    """

    images: npt.NDArray[np.uint8]
    kept: npt.NDArray[np.int64]
    failed: Mapping[int, str]


class PixelStore:
    """The decoded images of one data set; close it, or use it in a `with`.

    cache_dir: chunks lie in its folder `decoded`. limit_bytes: of all data sets together.
    threads: that decode, 0 for one a core; Pillow releases the interpreter lock meanwhile.
    decoded: how many images were decoded so far, by this store.
    """

    def __init__(
        self,
        dataset: Dataset,
        cache_dir: Path,
        limit_bytes: int = DEFAULT_CACHE_BYTES,
        *,
        threads: int = 0,
    ) -> None:
        self.dataset = dataset
        self.decoded = 0
        self._files = ChunkFiles(cache_dir / "decoded", limit_bytes)
        workers = threads or min(16, len(os.sched_getaffinity(0)))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._decoding = threading.Lock()

    def __enter__(self) -> "PixelStore":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    def read(self, start: int, stop: int, preprocessing: Preprocessing) -> Pixels:
        """Images start … stop - 1, from the cache where they are there.

        Raises ValueError if the range is not within the data set.
        """
        if not 0 <= start <= stop <= len(self.dataset):
            raise ValueError(f"expected a range in 0 to {len(self.dataset)}, got {start} to {stop}")
        side = preprocessing.crop_px
        images = np.empty((stop - start, 3, side, side), dtype=np.uint8)
        failed: dict[int, str] = {}
        size = chunk_images(preprocessing)
        for number in range(start // size, -(-stop // size)):
            first, last = max(start, number * size), min(stop, (number + 1) * size)
            chunk = self._piece(number, first, last, preprocessing)
            images[first - start : last - start] = chunk.images
            failed.update({first + slot: why for slot, why in chunk.failed.items()})
        kept = np.array([p for p in range(start, stop) if p not in failed], dtype=np.int64)
        return Pixels(images[kept - start] if failed else images, kept, failed)

    def _piece(self, number: int, first: int, last: int, preprocessing: Preprocessing) -> Chunk:
        """Positions first … last - 1, all of one chunk."""
        size = chunk_images(preprocessing)
        begin, end = number * size, min((number + 1) * size, len(self.dataset))
        key = f"{self.dataset.fingerprint[:32]}/{_geometry(preprocessing)}/{number}"
        found = self._files.load(key, first - begin, last - begin)
        if found is not None:
            return found
        with self._decoding:
            # Another thread may have decoded it meanwhile.
            found = self._files.load(key, first - begin, last - begin)
            if found is not None:
                return found
            if not self._files.writable:
                return self._decode(first, last, preprocessing)[0]
            whole, lasting = self._decode(begin, end, preprocessing)
            if lasting:
                self._files.save(key, whole)
        offset = first - begin
        failed = {slot - offset: why for slot, why in whole.failed.items()}
        return Chunk(
            whole.images[offset : last - begin],
            {slot: why for slot, why in failed.items() if 0 <= slot < last - first},
        )

    def _decode(self, begin: int, end: int, preprocessing: Preprocessing) -> tuple[Chunk, bool]:
        """Decode begin … end - 1; whether the outcome is the files' fault alone, and so lasts."""
        entries: Sequence[Entry] = self.dataset.entries(begin, end)
        side = preprocessing.crop_px
        images = np.zeros((len(entries), 3, side, side), dtype=np.uint8)
        digests = (
            self.dataset.digests(begin, end) if isinstance(self.dataset, IndexedDataset) else {}
        )
        as_indexed = [digests.get(entry.path) for entry in entries]
        problems = list(
            self._threads.map(self._decode_one, entries, as_indexed, images, repeat(preprocessing))
        )
        self.decoded += len(entries)
        failed = {slot: str(why) for slot, why in enumerate(problems) if why is not None}
        return Chunk(images, failed), not any(isinstance(why, OSError) for why in problems)

    def _decode_one(
        self,
        entry: Entry,
        as_indexed: str | None,
        room: npt.NDArray[np.uint8],
        preprocessing: Preprocessing,
    ) -> Exception | None:
        try:
            data = (self.dataset.root / entry.path).read_bytes()
            # The fingerprint vouches for what is kept under it.
            if as_indexed is not None and hashlib.sha256(data).hexdigest() != as_indexed:
                return OSError("the file changed after the data set was indexed")
            room[...] = prepare(decode_image(data, DATASET_LIMITS).image, preprocessing)
        except (InvalidInput, OSError) as error:
            return error
        return None


def chunk_images(preprocessing: Preprocessing) -> int:
    """How many images a chunk holds: a power of two, about 8 MiB, whatever the machine."""
    image_bytes = 3 * preprocessing.crop_px**2
    fitting = min(_MOST_IMAGES, max(1, _CHUNK_BYTES // image_bytes))
    return int(2 ** (fitting.bit_length() - 1))


def _geometry(preprocessing: Preprocessing) -> str:
    """All that the pixels depend on, the decoder's version included; not mean and std."""
    resize = "square" if preprocessing.squash else "short"
    return (
        f"{resize}{preprocessing.resize_px}-crop{preprocessing.crop_px}-"
        f"{preprocessing.interpolation}-pillow{PIL.__version__}"
    )
