"""Evaluate a range of a data set: read ahead on a thread while the network computes.

The range is read in batches; each is decoded (or taken from the decode cache) once and used for
all conditions and runs. Images that cannot be decoded are left out and reported. Counts do not
depend on where ranges and batches are cut. Torch-free: the network sits behind `Evaluation`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ipvit.datasets.dataset import Dataset, Entry
from ipvit.datasets.truths import read_truth
from ipvit.errors import InvalidInput
from ipvit.experiments.experiment import Evaluation, Experiment, ExperimentParams, Partial
from ipvit.experiments.partials import EMPTY, merge
from ipvit.preprocessing import Preprocessing

__all__ = ["PixelSource", "RangeOutcome", "evaluate_range"]

BATCHES_AHEAD = 2


class Pixels(Protocol):
    """Some decoded images; positions are those in the data set."""

    @property
    def images(self) -> npt.NDArray[np.uint8]:
        """(kept, 3, crop_px, crop_px)."""
        ...

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """(kept,) ascending."""
        ...

    @property
    def failed(self) -> Mapping[int, str]:
        """Position to why it could not be decoded."""
        ...


class PixelSource(Protocol):
    """Where decoded images come from: `ipvit.datasets.decode_cache.PixelStore`."""

    def read(self, start: int, stop: int, preprocessing: Preprocessing) -> Pixels:
        """Entries start … stop - 1, prepared for a model; called by a thread of its own."""
        ...


@dataclass(frozen=True, eq=False)
class RangeOutcome:
    """What a range of the data set contributed; failed: [{"path": …, "error": …}]."""

    partial: Partial
    failed: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Images in memory; an `ImageBatch`."""

    paths: Sequence[str]
    labels: npt.NDArray[np.int64]
    images: Mapping[Preprocessing, npt.NDArray[np.uint8]]
    masks: Sequence[npt.NDArray[np.uint8]]
    failed: list[dict[str, str]]

    def pixels(self, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
        """What was read ahead."""
        return self.images[preprocessing]

    def truths(self) -> Sequence[npt.NDArray[np.uint8]]:
        """What was read ahead."""
        return self.masks


def evaluate_range(
    experiment: Experiment,
    params: ExperimentParams,
    dataset: Dataset,
    start: int,
    stop: int,
    *,
    evaluation: Evaluation,
    pixels: PixelSource,
    labels_map: npt.NDArray[np.int64] | None = None,
    batch_images: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> RangeOutcome:
    """Evaluate entries start … stop - 1 under every condition.

    labels_map: the model's class for each class of the data set; None where labels are not used.
    batch_images: how many are read and perturbed at a time.
    on_progress: told how many images of the range are done, those left out included.
    Raises what the pace and the network raise.
    """
    saliency = experiment.saliency_name(params, evaluation.saliency_model)
    if saliency is not None:
        evaluation = replace(evaluation, saliency_model=saliency)
    saliency_spec = None if saliency is None else evaluation.subject_of(saliency).spec
    preprocessings = experiment.preprocessings(params, evaluation.spec, saliency_spec)
    with_masks = "masks" in experiment.needs

    def read(first: int, beyond: int) -> _Batch:
        images = {wanted: pixels.read(first, beyond, wanted) for wanted in preprocessings}
        entries_at = dict(enumerate(dataset.entries(first, beyond), first))
        return _assemble(dataset, entries_at, images, labels_map, with_masks=with_masks)

    ranges = [
        (first, min(first + batch_images, stop)) for first in range(start, stop, batch_images)
    ]
    found = EMPTY
    failed: list[dict[str, str]] = []
    for (_, beyond), batch in zip(ranges, _read_ahead(read, ranges), strict=True):
        failed += batch.failed
        if len(batch.paths):
            found = merge([found, experiment.evaluate(batch, params, evaluation)])
        if on_progress is not None:
            on_progress(beyond - start)
    return RangeOutcome(found, failed)


def _read_ahead(
    read: Callable[[int, int], _Batch], ranges: Sequence[tuple[int, int]]
) -> Iterator[_Batch]:
    """Yield each range's batch in order, the next ones being read meanwhile."""
    reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    pending: deque[Future[_Batch]] = deque()
    try:
        for bounds in ranges:
            pending.append(reader.submit(read, *bounds))
            if len(pending) > BATCHES_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Whoever stops an evaluation does not wait for images that nobody will look at.
        reader.shutdown(wait=False, cancel_futures=True)


def _assemble(
    dataset: Dataset,
    entries: Mapping[int, Entry],
    images: Mapping[Preprocessing, Pixels],
    labels_map: npt.NDArray[np.int64] | None,
    *,
    with_masks: bool,
) -> _Batch:
    """Leave out every entry of which anything could not be read."""
    errors: dict[int, str] = {}
    for read in images.values():
        errors |= read.failed
    masks: dict[int, npt.NDArray[np.uint8]] = {}
    for position, entry in entries.items():
        if with_masks and position not in errors:
            try:
                masks[position] = read_truth(dataset, entry)
            except InvalidInput as error:
                errors[position] = str(error)
    kept = [position for position in entries if position not in errors]
    return _Batch(
        paths=[entries[position].path for position in kept],
        labels=_labels([entries[position] for position in kept], labels_map),
        images={
            wanted: _select(read, np.asarray(kept, np.int64)) for wanted, read in images.items()
        },
        masks=[masks[position] for position in kept] if with_masks else [],
        failed=[
            {"path": entries[position].path, "error": errors[position]}
            for position in sorted(errors)
        ],
    )


def _select(read: Pixels, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    if np.array_equal(read.kept, kept):
        return read.images
    return read.images[np.isin(read.kept, kept)]


def _labels(
    entries: Sequence[Entry], labels_map: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """The model's class of each entry, -1 where there is none."""
    labels = np.full(len(entries), -1, np.int64)
    if labels_map is not None:
        for index, entry in enumerate(entries):
            if entry.label is not None:
                labels[index] = labels_map[entry.label]
    return labels
