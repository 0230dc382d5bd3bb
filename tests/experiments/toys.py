"""Networks whose answers can be worked out by hand, and small data sets in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ipvit.datasets.dataset import DatasetKind, Entry
from ipvit.experiments.experiment import Evaluation
from ipvit.experiments.pace import Pace, SteadyPace
from ipvit.experiments.subject import Subject
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import Preprocessing

Images = npt.NDArray[np.uint8]

PLAIN_4PX = Preprocessing(4, 4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Pixels arrive at the network as x / 255."""

TOY = ModelSpec(
    name="toy",
    title="Toy",
    architecture="timm:none",
    family="custom",
    input_px=4,
    patch_px=2,
    num_classes=8,
    preprocessing=PLAIN_4PX,
    weights=WeightsSource(source="random", licence="none"),
    paper="none",
)
"""4 x 4 px in a grid of 2 x 2."""


class CountsVisible(nn.Module):
    """Its class is the number of cells of 2 x 2 px that are not black."""

    def forward(self, images: Tensor) -> Tensor:
        cells = images[:, 0].unfold(1, 2, 2).unfold(2, 2, 2)  # (n, 2, 2, 2, 2)
        visible = (cells.amax((-1, -2)) > 0).sum((1, 2))
        return nn.functional.one_hot(visible, 8).float()


class ReadsCorner(nn.Module):
    """Its class is the value of the first pixel."""

    def forward(self, images: Tensor) -> Tensor:
        values = (255 * images[:, 0, 0, 0]).round().long()
        return nn.functional.one_hot(values, 8).float()


class FindsBright(nn.Module):
    """Its class is the quadrant of the brightest pixel, row by row."""

    def forward(self, images: Tensor) -> Tensor:
        quadrants = images[:, 0].unfold(1, 2, 2).unfold(2, 2, 2).amax((-1, -2)).flatten(1)
        return nn.functional.pad(quadrants, (0, 4))


@dataclass
class ArrayPixels:
    """Answers a `PixelSource` gives: images at positions of the data set."""

    images: Images
    kept: npt.NDArray[np.int64]
    failed: Mapping[int, str]


@dataclass
class ArraySet:
    """Images in memory as data set and pixel source; `broken` positions cannot be decoded."""

    images: Images
    labels: Sequence[int]
    broken: frozenset[int] = frozenset()
    name: str = "arrays"
    kind: DatasetKind = "folder"
    root: Path = Path()
    classes: Sequence[str] = tuple("01234567")
    fingerprint: str = "f" * 64
    has_labels: bool = True
    has_masks: bool = False
    reads: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def entries(self, start: int, stop: int) -> list[Entry]:
        return [Entry(f"{at:03}.png", self.labels[at]) for at in range(start, stop)]

    def read(self, start: int, stop: int, preprocessing: Preprocessing) -> ArrayPixels:
        self.reads.append((start, stop))
        kept = np.array([at for at in range(start, stop) if at not in self.broken], np.int64)
        failed = {at: "broken" for at in range(start, stop) if at in self.broken}
        step = self.images.shape[-1] // preprocessing.crop_px
        return ArrayPixels(self.images[kept][..., ::step, ::step], kept, failed)


def random_set(count: int, *, side_px: int = 4, seed: int = 0, **changes: object) -> ArraySet:
    """Random images without black pixels, labels 0 … 7 in turns."""
    generator = np.random.default_rng(seed)
    images = generator.integers(1, 256, (count, 3, side_px, side_px), dtype=np.uint8)
    return ArraySet(images, [at % 8 for at in range(count)], **changes)  # type: ignore[arg-type]


def toy_evaluation(
    network: nn.Module,
    spec: ModelSpec = TOY,
    *,
    seed: int = 0,
    pace: Pace | None = None,
    saliency: Subject | None = None,
) -> Evaluation:
    """The network as model under test; `saliency` answers to every other name."""
    subject = Subject(spec, network, pace=pace or SteadyPace(3))
    others = saliency or subject
    return Evaluation(
        spec=spec,
        subject=subject,
        subject_of=lambda name: subject if name == spec.name else others,
        saliency_model=others.spec.name,
        seed=seed,
    )


def as_tensor(images: Images) -> Tensor:
    return torch.from_numpy(images)
