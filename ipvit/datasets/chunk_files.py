"""Chunks of pixels on disk: one file each, whole or absent, the least recently used evicted.

A file is a magic word, the length of a JSON header, the header (shape, a CRC-32 an image, and
why images failed), and the pixels. The checksum is compared on reading: what a power cut left
behind counts as absent.
"""

import json
import logging
import os
import struct
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

__all__ = ["Chunk", "ChunkFiles"]

log = logging.getLogger(__name__)

_MAGIC = b"IPVITPX1"
_LENGTH = struct.Struct("<I")
_SUFFIX, _UNFINISHED = ".px", ".part"

_FULL = 0.9
"""Eviction stops at this share of the limit, so that it is not needed at every chunk."""

_TOUCH_AFTER_S = 60.0
_ABANDONED_AFTER_S = 3600.0
_TRY_AGAIN_AFTER_S = 300.0
_RESCAN_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Chunk:
    """images: (n, 3, H, W) uint8, zeros where one failed. failed: slot to why."""

    images: npt.NDArray[np.uint8]
    failed: Mapping[int, str]


class ChunkFiles:
    """A folder of chunks that stays under `limit_bytes`; 0 keeps nothing.

    Several processes may share it: each looks at the whole folder after it wrote a twentieth of
    the limit itself, so that together they may be over it by that much each.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._unaccounted_bytes: int | None = None
        self._shut_until = 0.0
        self._warned = False

    @property
    def writable(self) -> bool:
        """Whether keeping a chunk is worth a try."""
        return self._limit_bytes > 0 and monotonic() >= self._shut_until

    def load(self, key: str, first: int, stop: int) -> Chunk | None:
        """Slots first … stop - 1 of a chunk; None if it is not there whole."""
        path = self._path(key)
        try:
            with path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                chunk = _read(file, status.st_size, first, stop)
        except (OSError, ValueError, KeyError, struct.error):
            return None
        if time() - status.st_mtime > _TOUCH_AFTER_S:
            _touch(path)
        return chunk

    def save(self, key: str, chunk: Chunk) -> None:
        """Keep a chunk, if the disk lets us; the first failure is logged."""
        content_bytes = chunk.images.nbytes
        if not self.writable or content_bytes > self._limit_bytes * _FULL:
            return
        path = self._path(key)
        unfinished = path.with_name(f".{uuid4().hex}{_UNFINISHED}")
        try:
            self._make_room(content_bytes)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with unfinished.open("wb") as file:
                    _write(file, chunk)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            self._shut_until = monotonic() + _TRY_AGAIN_AFTER_S
            if not self._warned:
                self._warned = True
                log.warning("decoded images are not kept, work goes on without: %s", error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _make_room(self, wanted_bytes: int) -> None:
        with self._lock:
            due = self._unaccounted_bytes is None or (
                self._unaccounted_bytes + wanted_bytes > self._limit_bytes * _RESCAN_SHARE
            )
            if due:
                self._evict(wanted_bytes)
                self._unaccounted_bytes = 0
            self._unaccounted_bytes = (self._unaccounted_bytes or 0) + wanted_bytes

    def _evict(self, wanted_bytes: int) -> None:
        chunks, total_bytes = [], wanted_bytes
        for path in self._folder.rglob("*"):
            try:
                status = path.stat()
            except OSError:
                continue
            if path.suffix == _SUFFIX:
                chunks.append((status.st_mtime, status.st_size, path))
                total_bytes += status.st_size
            elif path.suffix == _UNFINISHED and time() - status.st_mtime > _ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)
        # Room for what is written before the next look.
        allowed_bytes = self._limit_bytes * (1 - _RESCAN_SHARE)
        if total_bytes <= allowed_bytes:
            return
        for _, size_bytes, path in sorted(chunks):
            if total_bytes <= self._limit_bytes * _FULL:
                return
            path.unlink(missing_ok=True)
            total_bytes -= size_bytes


def _write(file: BinaryIO, chunk: Chunk) -> None:
    images = np.ascontiguousarray(chunk.images)
    header = json.dumps(
        {
            "shape": images.shape,
            "crc32": [zlib.crc32(image) for image in images],
            "failed": {str(slot): why for slot, why in chunk.failed.items()},
        }
    ).encode()
    file.write(_MAGIC + _LENGTH.pack(len(header)) + header)
    file.write(images.data)


def _read(file: BinaryIO, file_bytes: int, first: int, stop: int) -> Chunk:
    """Raises ValueError if the file is not whole."""
    start = file.read(len(_MAGIC) + _LENGTH.size)
    if not start.startswith(_MAGIC):
        raise ValueError("not a chunk")
    (header_bytes,) = _LENGTH.unpack(start[len(_MAGIC) :])
    header = json.loads(file.read(header_bytes))
    shape, pixels_from = tuple(header["shape"]), len(start) + header_bytes
    if file_bytes != pixels_from + int(np.prod(shape)) or not first <= stop <= shape[0]:
        raise ValueError("not whole")
    images = np.empty((stop - first, *shape[1:]), dtype=np.uint8)
    image_bytes = int(np.prod(shape[1:]))
    file.seek(pixels_from + first * image_bytes)
    _fill(file, images.data.cast("B") if images.size else memoryview(b""))
    if [zlib.crc32(image) for image in images] != header["crc32"][first:stop]:
        raise ValueError("damaged")
    failed = {int(slot) - first: why for slot, why in header["failed"].items()}
    return Chunk(images, {slot: why for slot, why in failed.items() if 0 <= slot < len(images)})


def _fill(file: BinaryIO, room: memoryview) -> None:
    while room:
        count: int | None = file.readinto(room)  # type: ignore[attr-defined]
        if not count:
            raise ValueError("cut off")
        room = room[count:]


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        # A cache that may only be read still serves.
        return
