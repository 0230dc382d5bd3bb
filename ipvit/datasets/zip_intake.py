"""Unpack a zip that nobody vouches for: only images and lists, only inside, only so much.

Sizes are counted while bytes come out, whatever the archive says of itself. The ratio of bytes
out to the archive's size is bounded as a whole, which also holds for entries that overlap.
"""

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath

from ipvit.datasets.layouts import LABELS_FILE, is_image_name
from ipvit.datasets.sidecars import ABOUT_FILE, MAPPING_FILES
from ipvit.errors import InvalidDataset, StorageFull

__all__ = ["ZipLimits", "unpack_zip"]

_LISTS = frozenset((LABELS_FILE, ABOUT_FILE, *MAPPING_FILES, "val.txt"))
_MOST_LISTS = 100
_MOST_DIRECTORY_BYTES = 8 * 2**20
_PIECE_BYTES = 2**20
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 1000
_DEEPEST = 16

_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    IndexError,
)
"""What `zipfile` raises, depending on where an archive is broken."""


@dataclass(frozen=True)
class ZipLimits:
    """How much comes out of an archive.

    max_files: images and masks. max_file_bytes: of each. max_total_bytes: of all together.
    max_ratio: bytes out for each byte of the archive.
    """

    max_files: int = 10_000
    max_file_bytes: int = 20 * 10**6
    max_total_bytes: int = 5 * 10**9
    max_ratio: int = 100


def unpack_zip(
    archive: Path,
    folder: Path,
    limits: ZipLimits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the images and lists of a zip below `folder`; other files in it are left out.

    progress: called with (files done, files in all).
    Raises InvalidDataset (field "file") for an archive that is broken, encrypted or over a
    limit, or that holds links or names which lead outside, and StorageFull if the disk is full.
    What was written by then stays.
    """
    limits = limits or ZipLimits()
    with _Guarded(archive) as file:
        with _refusing("it"):
            opened = zipfile.ZipFile(file)
        with opened:
            members = _wanted(opened, limits)
            _check_room(folder, sum(member.file_size for member, _ in members))
            allowance = _Allowance(limits, archive.stat().st_size)
            for done, (member, path) in enumerate(members, start=1):
                _extract(opened, member, folder / path, allowance)
                if progress is not None:
                    progress(done, len(members))


class _Guarded(FileIO):
    """A file that refuses to be read in one piece larger than any sane table of contents."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._bytes = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does."""
        wanted = self._bytes - self.tell() if size is None or size < 0 else size
        if wanted > _MOST_DIRECTORY_BYTES:
            raise ValueError("its table of contents is too long for a data set")
        return super().read(wanted) or b""


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn whatever `zipfile` raises over a broken archive into one error."""
    try:
        yield
    except InvalidDataset:
        raise
    except _BROKEN as error:
        raise _refusal(f"expected a whole zip, {what} cannot be read: {error}") from error


def _refusal(message: str) -> InvalidDataset:
    return InvalidDataset(message, field="file")


def _wanted(opened: zipfile.ZipFile, limits: ZipLimits) -> list[tuple[zipfile.ZipInfo, str]]:
    """The members to write and their paths; every member is checked, wanted or not."""
    wanted: dict[str, zipfile.ZipInfo] = {}
    lists = 0
    for member in opened.infolist():
        path = _checked_path(member)
        name = path.name
        if member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in path.parts):
            continue
        if not is_image_name(name) and name not in _LISTS:
            continue
        lists += name in _LISTS
        _check_member(member, limits)
        if str(path) in wanted:
            raise _refusal(f"expected each name once, got {str(path)!r} twice")
        wanted[str(path)] = member
    images = len(wanted) - lists
    if images > limits.max_files or lists > _MOST_LISTS:
        raise _refusal(f"expected at most {limits.max_files} images, got {images}")
    if images == 0:
        raise _refusal("expected a zip of images, found none in it")
    for path_text in wanted:
        for parent in PurePosixPath(path_text).parents:
            if str(parent) in wanted:
                raise _refusal(f"expected {str(parent)!r} to be a file or a folder, got both")
    total_bytes = sum(member.file_size for member in wanted.values())
    if total_bytes > limits.max_total_bytes:
        raise _refusal(f"expected at most {limits.max_total_bytes} bytes, got {total_bytes}")
    return [(member, path) for path, member in wanted.items()]


def _checked_path(member: zipfile.ZipInfo) -> PurePosixPath:
    # Some Windows programs separate folders by a backslash.
    name = member.filename.replace("\\", "/")
    shown = repr(name[:200])
    path = PurePosixPath(name)
    if path.is_absolute() or name[1:2] == ":" or ".." in path.parts:
        raise _refusal(f"expected names inside the archive, got {shown}")
    if not name.isprintable():
        raise _refusal(f"expected printable names, got {shown}")
    parts_bytes = [len(part.encode()) for part in path.parts]
    if (
        len(name.encode()) > _LONGEST_PATH_BYTES
        or max(parts_bytes, default=0) > _LONGEST_NAME_BYTES
        or len(parts_bytes) > _DEEPEST
    ):
        raise _refusal(
            f"expected names of at most {_LONGEST_NAME_BYTES} bytes in at most {_DEEPEST} folders, "
            f"got {shown}"
        )
    # The upper half holds the file's mode where the archive was made on a Unix.
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(f"expected ordinary files, got a link or a device: {shown}")
    return path


def _check_member(member: zipfile.ZipInfo, limits: ZipLimits) -> None:
    shown = repr(member.filename[:200])
    if member.flag_bits & 1:
        raise _refusal(f"expected a zip without a password, got an encrypted {shown}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refusal(
            f"expected members stored or deflated, got method {member.compress_type}: {shown}"
        )
    if member.file_size > limits.max_file_bytes:
        raise _refusal(
            f"expected files of at most {limits.max_file_bytes} bytes, got {member.file_size}: "
            f"{shown}"
        )


class _Allowance:
    """Counts the bytes that came out."""

    def __init__(self, limits: ZipLimits, archive_bytes: int) -> None:
        self._limits = limits
        self._most_bytes = min(limits.max_total_bytes, limits.max_ratio * archive_bytes)
        self._out_bytes = 0

    def take(self, count: int, of_file: int, name: str) -> None:
        """Raise InvalidDataset once a limit is passed."""
        self._out_bytes += count
        if of_file > self._limits.max_file_bytes:
            raise _refusal(
                f"expected files of at most {self._limits.max_file_bytes} bytes, got more: {name}"
            )
        if self._out_bytes > self._most_bytes:
            raise _refusal(
                f"expected at most {self._limits.max_total_bytes} bytes and "
                f"{self._limits.max_ratio} times the archive's own size, got more"
            )


def _extract(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, allowance: _Allowance
) -> None:
    shown = repr(member.filename[:200])
    with _storing():
        target.parent.mkdir(parents=True, exist_ok=True)
        written = target.open("xb")
    of_file = 0
    with written:
        with _refusing(shown):
            source = opened.open(member)
        with source:
            while True:
                with _refusing(shown):
                    piece = source.read(_PIECE_BYTES)
                if not piece:
                    return
                of_file += len(piece)
                allowance.take(len(piece), of_file, shown)
                with _storing():
                    written.write(piece)
                    written.flush()


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFull(f"the data set cannot be written: {error.strerror}") from error


def _check_room(folder: Path, wanted_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if wanted_bytes > free_bytes:
        raise StorageFull(f"expected room for {wanted_bytes} bytes, {free_bytes} are free")
