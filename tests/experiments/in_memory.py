"""A data set of generated images that lie in memory, for experiments on tiny models."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ipvit.datasets.dataset import DatasetKind, Entry
from ipvit.experiments.evaluation import RangeOutcome, evaluate_range
from ipvit.experiments.experiment import Evaluation, Experiment, ExperimentParams, Row
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.partials import merge, pack_partial, unpack_partial
from ipvit.experiments.subject import Subject
from ipvit.models.loading import build_model
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing, prepare


@dataclass(frozen=True)
class MemorySet:
    """`count` images of coloured noise, 40x48 px, with labels 0 … 9 and masks of two squares."""

    root: Path
    count: int
    name: str = "memory"
    kind: DatasetKind = "voc"
    classes: Sequence[str] = tuple("abcdefghij")
    fingerprint: str = "0" * 64
    has_labels: bool = True
    has_masks: bool = True

    def __post_init__(self) -> None:
        for position in range(self.count):
            Image.fromarray(truth(position)).save(self.root / f"{position}.png")

    def __len__(self) -> int:
        return self.count

    def entries(self, start: int, stop: int) -> list[Entry]:
        return [
            Entry(f"images/{position:03}.png", position % 10, f"{position}.png")
            for position in range(start, min(stop, self.count))
        ]


def photo(position: int) -> Image.Image:
    """Blurred noise: different in every image, not the same in every patch."""
    noise = np.random.default_rng(position).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((48, 40), Image.Resampling.BICUBIC)


def truth(position: int) -> npt.NDArray[np.uint8]:
    """Class 1 in a corner, class 2 in another, a void line; image 3 has no object."""
    mask = np.zeros((40, 48), np.uint8)
    if position != 3:
        mask[:20, : 10 + position % 8] = 1
        mask[30:, 24:] = 2
        mask[20:22] = 255
    return mask


@dataclass(frozen=True)
class Pixels:
    images: npt.NDArray[np.uint8]
    kept: npt.NDArray[np.int64]
    failed: dict[int, str] = field(default_factory=dict)


class Prepared:
    """Prepares images when they are read."""

    def read(self, start: int, stop: int, preprocessing: Preprocessing) -> Pixels:
        images = [prepare(photo(position), preprocessing) for position in range(start, stop)]
        return Pixels(np.stack(images), np.arange(start, stop))


def subject_of(spec: ModelSpec, *, pass_images: int = 5) -> Subject:
    """The model with random weights, in fp32."""
    return Subject(spec, build_model(spec), pace=SteadyPace(pass_images))


def evaluate(
    experiment: Experiment,
    params: ExperimentParams,
    subject: Subject,
    dataset: MemorySet,
    *,
    cuts: Sequence[int] = (),
    batch_images: int = 4,
    seed: int = 0,
    labels_map: npt.NDArray[np.int64] | None = None,
) -> tuple[list[RangeOutcome], list[Row]]:
    """Evaluate the ranges between `cuts`, and the rows of all of them together."""
    evaluation = Evaluation(subject.spec, subject, lambda name: subject, None, seed)
    bounds = [0, *cuts, len(dataset)]
    outcomes = [
        evaluate_range(
            experiment,
            params,
            dataset,
            start,
            stop,
            evaluation=evaluation,
            pixels=Prepared(),
            labels_map=np.arange(10) if labels_map is None else labels_map,
            batch_images=batch_images,
        )
        for start, stop in pairwise(bounds)
    ]
    parts = [unpack_partial(pack_partial(outcome.partial)) for outcome in outcomes]
    whole = merge(parts)
    rows = experiment.rows(whole.sums, whole.images, params, subject.spec)
    return outcomes, list(rows)
