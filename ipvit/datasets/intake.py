"""Bring a data set under the data folder, whole or not at all; take an uploaded one away."""

import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import time
from uuid import uuid4

from ipvit.datasets.catalogue import SAMPLES_FOLDER, UPLOAD_MARK
from ipvit.datasets.layouts import find_layouts
from ipvit.datasets.scan import scan
from ipvit.datasets.zip_intake import ZipLimits, unpack_zip
from ipvit.errors import DatasetExists, DatasetProtected, InvalidDataset, InvalidInput, StorageFull

__all__ = [
    "add_folder",
    "add_zip",
    "check_name",
    "remove_uploaded",
    "staging_folder",
    "sweep_staging",
]

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STAGING = ".incoming-"
_LEAVING = ".leaving-"
_ABANDONED_AFTER_S = 24 * 3600.0


def check_name(name: str, data_dir: Path) -> None:
    """Raise InvalidInput for a name that cannot be, DatasetExists for one that is taken.

    Both name the field "name".
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "expected a name of 1 to 64 letters, digits, dots, hyphens and underscores that "
            f"begins with a letter or digit, got {name[:80]!r}",
            field="name",
        )
    if (SAMPLES_FOLDER / name).exists() or os.path.lexists(data_dir / name):
        raise DatasetExists(f"expected a new name, {name!r} is taken", field="name")


def staging_folder(data_dir: Path) -> Path:
    """A new empty folder beside the data sets, which no listing shows.

    Raises StorageFull if nothing can be written there.
    """
    folder = data_dir / f"{_STAGING}{uuid4().hex}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StorageFull(f"data sets cannot be written here: {error.strerror}") from error
    return folder


def add_zip(
    name: str,
    archive: Path,
    data_dir: Path,
    *,
    limits: ZipLimits | None = None,
    uploaded: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Unpack a zip as data set `name` and return its folder.

    uploaded: whether it may be deleted over HTTP later.
    Raises as `check_name`, `unpack_zip` and `find_layouts`; then nothing of it is left.
    """
    check_name(name, data_dir)
    staging = staging_folder(data_dir)
    try:
        unpack_zip(archive, staging, limits, progress)
        _check_layout(staging)
        if uploaded:
            (staging / UPLOAD_MARK).touch()
        return _settle(staging, name, data_dir)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def add_folder(name: str, folder: Path, data_dir: Path) -> Path:
    """Make a folder elsewhere known as data set `name`, by a link; its files stay where they are.

    Raises as `check_name` and `find_layouts`.
    """
    check_name(name, data_dir)
    find_layouts(folder)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / name).symlink_to(folder.resolve(), target_is_directory=True)
    except OSError as error:
        raise StorageFull(f"data sets cannot be written here: {error.strerror}") from error
    return data_dir / name


def remove_uploaded(name: str, folder: Path) -> None:
    """Delete an uploaded data set: at once for who lists, then its files.

    Raises DatasetProtected if it was not uploaded.
    """
    if not (folder / UPLOAD_MARK).is_file() or folder.is_symlink():
        raise DatasetProtected(f"expected an uploaded data set, {name!r} is none", field="name")
    leaving = folder.with_name(f"{_LEAVING}{uuid4().hex}")
    try:
        folder.rename(leaving)
    except FileNotFoundError:
        # Someone else deleted it in the same moment.
        return
    except OSError as error:
        raise DatasetProtected(
            f"{name!r} cannot be deleted: {error.strerror}", field="name"
        ) from error
    shutil.rmtree(leaving, ignore_errors=True)


def sweep_staging(data_dir: Path) -> None:
    """Delete what uploads and deletions left behind that ended with their process."""
    for folder in [*data_dir.glob(f"{_STAGING}*"), *data_dir.glob(f"{_LEAVING}*")]:
        try:
            abandoned = time() - folder.stat().st_mtime > _ABANDONED_AFTER_S
        except OSError:
            continue
        if abandoned:
            log.info("deleting the abandoned %s", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _check_layout(folder: Path) -> None:
    """Raise InvalidDataset (field "file") unless the folder is one data set, lists and all."""
    try:
        layouts = find_layouts(folder)
        if "" not in layouts:
            raise InvalidDataset(
                f"expected one data set in a zip, got {len(layouts)} "
                f"({', '.join(sorted(layouts))}): zip each folder by itself"
            )
        for _ in scan(layouts[""]):
            pass
    except InvalidDataset as error:
        message = str(error).replace(repr(folder.name), "the zip")
        raise InvalidDataset(message, field="file") from error


def _settle(staging: Path, name: str, data_dir: Path) -> Path:
    target = data_dir / name
    try:
        # Another upload may have taken the name meanwhile: a folder with files is not replaced.
        staging.rename(target)
    except OSError as error:
        raise DatasetExists(f"expected a new name, {name!r} is taken", field="name") from error
    return target
