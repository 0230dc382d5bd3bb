"""Data sets over HTTP: list what is there, take one in, give one away, index in the background."""

import asyncio
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from starlette.requests import Request

from app.settings import Settings
from app.streamed_form import receive_form
from ipvit.datasets.catalogue import DatasetCatalogue, DatasetInfo
from ipvit.datasets.intake import (
    add_zip,
    check_name,
    remove_uploaded,
    staging_folder,
    sweep_staging,
)
from ipvit.datasets.zip_intake import ZipLimits
from ipvit.errors import (
    DatasetProtected,
    InvalidDataset,
    InvalidInput,
    IPViTError,
    Overloaded,
    StorageFull,
)
from jobs.records import Job
from jobs.store import JobStore

__all__ = ["MAX_UPLOADS", "DatasetDesk"]

log = logging.getLogger(__name__)

MAX_UPLOADS = 4
"""Uploads at once; each holds a connection and disk space for as long as it takes."""

_LOOK_AGAIN_S = 60.0
_RETRY_AFTER_S = 10.0
_LONGEST_WAIT_S = 5.0


class DatasetDesk:
    """What `/datasets` does.

    A thread indexes what was not indexed yet, or has changed, whenever someone lists; an index of
    many images takes minutes the first time.
    """

    def __init__(self, settings: Settings, datasets: DatasetCatalogue, store: JobStore) -> None:
        self._data_dir = settings.data_dir
        self._limits = ZipLimits(max_total_bytes=settings.max_dataset_bytes)
        self._datasets = datasets
        self._store = store
        self._uploads = 0
        self._lock = threading.Lock()
        self._indexing: threading.Thread | None = None
        self._looked_at = float("-inf")
        self._closing = threading.Event()

    def start(self) -> None:
        """Sweep up after uploads that were cut off, and begin to index."""
        sweep_staging(self._data_dir)
        self._index_soon(at_once=True)

    def close(self) -> None:
        """End the indexing; what was not finished begins anew at the next start."""
        self._closing.set()
        with self._lock:
            thread = self._indexing
        if thread is not None:
            thread.join(timeout=_LONGEST_WAIT_S)

    def list(self) -> tuple[DatasetInfo, ...]:
        """Every data set; those not indexed yet will be soon."""
        found = self._datasets.list()
        self._index_soon(at_once=any(not one.indexed and one.problem is None for one in found))
        return found

    def info(self, name: str) -> DatasetInfo:
        """One data set. Raises UnknownName."""
        return self._datasets.info(name)

    async def upload(self, request: Request) -> DatasetInfo:
        """Take in the zip that a request brings.

        Raises InvalidInput for a form or archive that is wrong, DatasetExists for a name that is
        taken, StorageFull for a full disk, Overloaded for more than `MAX_UPLOADS` at once.
        """
        if self._uploads >= MAX_UPLOADS:
            raise Overloaded(
                f"expected at most {MAX_UPLOADS} uploads at once, got another",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._uploads += 1
        try:
            folder = await asyncio.to_thread(self._receiving_folder, request)
            try:
                texts = await receive_form(
                    request,
                    folder / "upload.zip",
                    file_field="file",
                    text_fields=("name",),
                    on_text=lambda _, name: check_name(name, self._data_dir),
                )
                for field, missing in (
                    ("name", "name" not in texts),
                    ("file", not (folder / "upload.zip").is_file()),
                ):
                    if missing:
                        raise InvalidInput(f"expected the field {field!r}, got none", field=field)
                return await asyncio.to_thread(self._take_in, texts["name"], folder / "upload.zip")
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, True)
        finally:
            self._uploads -= 1

    def delete(self, name: str) -> None:
        """Delete an uploaded data set.

        Raises UnknownName, or DatasetProtected for any other and while a job works on it.
        """
        folder = self._datasets.folder_of(name)
        user = next(
            (job.id for job in self._unfinished() if job.request.dataset.name == name), None
        )
        if user is not None:
            raise DatasetProtected(
                f"expected a data set that nobody uses, job {user} works on {name!r}", field="name"
            )
        remove_uploaded(name, folder)
        log.info("deleted the data set %s", name)

    def _unfinished(self) -> Iterator[Job]:
        before = None
        while page := self._store.jobs(states=("queued", "running"), before=before, limit=200):
            yield from page
            before = page[-1].id

    def _receiving_folder(self, request: Request) -> Path:
        folder = staging_folder(self._data_dir)
        announced = request.headers.get("content-length", "")
        free_bytes = shutil.disk_usage(folder).free
        if announced.isdecimal() and int(announced) > free_bytes:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageFull(f"expected room for {announced} bytes, {free_bytes} are free")
        return folder

    def _take_in(self, name: str, archive: Path) -> DatasetInfo:
        add_zip(name, archive, self._data_dir, limits=self._limits, uploaded=True)
        log.info("took in the data set %s", name)
        self._datasets.open(name)
        return self._datasets.info(name)

    def _index_soon(self, *, at_once: bool) -> None:
        with self._lock:
            due = at_once or monotonic() - self._looked_at > _LOOK_AGAIN_S
            running = self._indexing is not None and self._indexing.is_alive()
            if due and not running and not self._closing.is_set():
                self._looked_at = monotonic()
                # A daemon: a walk over a slow disk does not keep the server from ending.
                self._indexing = threading.Thread(
                    target=self._index_all, name="index-datasets", daemon=True
                )
                self._indexing.start()

    def _index_all(self) -> None:
        for info in self._datasets.list():
            if info.source == "server":
                try:
                    self._datasets.open(info.name, self._stop_when_closing)
                except InvalidDataset as error:
                    log.info("data set %s cannot be used: %s", info.name, error)
                except _Closing:
                    return
                except Exception:
                    log.exception("data set %s cannot be indexed", info.name)

    def _stop_when_closing(self, _done: int, _total: int) -> None:
        if self._closing.is_set():
            raise _Closing


class _Closing(IPViTError):
    """The server ends."""
