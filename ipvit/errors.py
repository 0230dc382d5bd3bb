"""Every error this project raises on purpose.

IPViTError
├── InvalidInput            a value the caller gave is wrong; `field` names it
│   ├── InvalidImage        bytes that are not an image we read
│   ├── ImageTooLarge       more bytes or pixels than the limits allow
│   ├── InvalidGrid         a grid that does not divide the image, or is no grid
│   ├── TokenUnavailable    a token asked of a model that has none
│   └── InvalidDataset      files that are no data set we read, or that do not fit the model
│       ├── DatasetExists   a data set's name that is taken
│       └── DatasetProtected  a data set that was not uploaded, so that it cannot be deleted
├── UnknownName             a name no registry holds; close names are offered
├── WeightsUnavailable      weights that are not on this machine; says how to fetch them
│   └── WeightsCorrupt      a file with a wrong hash or a state dict that does not fit
├── CaptureMismatch         attention was not captured as asked
├── TrainingDiverged        a loss that is not a number
├── UnknownJob              no evaluation job has this id
├── JobNotFinished          a job whose result is not there (yet)
├── StoreUnavailable        the job database does not answer
├── StorageFull             no room on the disk for an upload
├── Overloaded              the bounded queue is full; `retry_after_s` says when to come back
└── DeadlineExceeded        the answer would come too late, so it was not computed

Messages say what was expected and what came. `code` is stable; HTTP status codes live in
`app.problems`.
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class IPViTError(Exception):
    """Base of all errors of this project."""

    code: ClassVar[str] = "error"


class InvalidInput(IPViTError):
    """A value given by the caller is outside what is expected."""

    code = "invalid_input"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidImage(InvalidInput):
    """The bytes are not an image of a format we read, or are broken."""

    code = "invalid_image"


class ImageTooLarge(InvalidInput):
    """The image has more bytes or pixels than the limits allow."""

    code = "image_too_large"


class InvalidGrid(InvalidInput):
    """The grid is malformed or does not divide the image."""

    code = "invalid_grid"


class TokenUnavailable(InvalidInput):
    """The model has no such token (a shape token, say)."""

    code = "token_unavailable"


class InvalidDataset(InvalidInput):
    """The files are no data set of a kind we read, or do not fit what is asked of them."""

    code = "invalid_dataset"

    def __init__(self, message: str, *, field: str = "dataset") -> None:
        super().__init__(message, field=field)


class DatasetExists(InvalidDataset):
    """A data set of this name is there already."""

    code = "dataset_exists"


class DatasetProtected(InvalidDataset):
    """The data set ships with the project or belongs to the server's owner."""

    code = "dataset_protected"


class UnknownName(IPViTError):
    """No registry entry has this name; `matches` holds close ones."""

    code = "unknown_name"

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, field: str | None = None
    ) -> None:
        names = sorted(known)
        self.kind, self.name, self.field = kind, name, field
        self.matches = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = (
            f"did you mean {', '.join(self.matches)}?"
            if self.matches
            else f"expected one of {', '.join(names)}"
        )
        super().__init__(f"unknown {kind} {name!r}: {hint}")


class WeightsUnavailable(IPViTError):
    """The model's weights are not on this machine."""

    code = "weights_unavailable"


class WeightsCorrupt(WeightsUnavailable):
    """A weights file has a wrong hash, or its state dict does not fit the architecture."""

    code = "weights_corrupt"


class CaptureMismatch(IPViTError):
    """The attention that was captured is not the attention that was asked for."""

    code = "capture_mismatch"


class TrainingDiverged(IPViTError):
    """The training loss is not finite; the last good checkpoint is named."""

    code = "training_diverged"


class UnknownJob(IPViTError):
    """No evaluation job has this id; it may have been deleted."""

    code = "unknown_job"


class JobNotFinished(IPViTError):
    """The job has no result, because it has not finished, or not succeeded."""

    code = "job_not_finished"


class StoreUnavailable(IPViTError):
    """The job database does not answer, or was made by another version."""

    code = "store_unavailable"


class StorageFull(IPViTError):
    """The disk has no room for an upload."""

    code = "storage_full"


class Overloaded(IPViTError):
    """The queue of a model is full."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(IPViTError):
    """The request's deadline passed before its turn came."""

    code = "deadline_exceeded"
