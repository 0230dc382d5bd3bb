"""What an experiment is: its parameters, its conditions, and pure functions over batches.

Torch-free: `evaluate` functions import what they need when they run. API schema, form, command
line and documentation are derived from an `Experiment`; adding one is one file and one line in
`ipvit.experiments`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ipvit.errors import WeightsUnavailable
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing

if TYPE_CHECKING:
    from ipvit.experiments.subject import Subject

__all__ = [
    "Arrays",
    "Condition",
    "Evaluation",
    "Experiment",
    "ExperimentParams",
    "ImageBatch",
    "PaperValue",
    "Partial",
    "Plot",
    "Row",
]

Arrays = Mapping[str, npt.NDArray[Any]]


class ExperimentParams(BaseModel):
    """Base of all parameters: frozen, JSON-able, unknown fields refused.

    Every field has a default and a description with its unit; the form, the command line's help
    and the documentation show it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Condition:
    """One setting that images are evaluated under.

    name: unique in the experiment's parameters, such as "random/14x14/0.5".
    values: columns of the result's rows, such as {"mode": "random", "ratio": 0.5}.
    runs: how often it is repeated with other draws (run r draws with seed + r).
    """

    name: str
    values: Mapping[str, str | int | float]
    runs: int = 1


class ImageBatch(Protocol):
    """Some images of the data set, those that could not be decoded left out."""

    @property
    def paths(self) -> Sequence[str]:
        """Relative paths, the keys of random draws."""
        ...

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) class indices of the model; -1 where there is none."""
        ...

    def pixels(self, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
        """(n, 3, crop_px, crop_px), from the decode cache."""
        ...

    def truths(self) -> Sequence[npt.NDArray[np.uint8]]:
        """Each image's ground truth (H, W) at its original size: 0 background, 255 void."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` works with.

    subject: the model under test. subject_of: another model by name (for saliency, say).
    saliency_model: the one to use where the parameters name none; see `saliency_name`.
    """

    spec: ModelSpec
    subject: "Subject"
    subject_of: "Callable[[str], Subject]"
    saliency_model: str | None
    seed: int


@dataclass(frozen=True, eq=False)
class Partial:
    """What some images contributed, in a form that adds up.

    sums: added over batches, shards and workers. Counts are int64: their sum is exact.
    """

    images: int
    sums: Arrays


@dataclass(frozen=True)
class PaperValue:
    """A number that a paper reports for the same condition."""

    value: float
    source: str


@dataclass(frozen=True)
class Row:
    """One line of a result: a metric of a model under a condition.

    value, standard_error, low95, high95 are in the metric's unit. standard_error: over runs, None
    for fewer than two. low95, high95: 95 % interval, None where none is defined.
    """

    condition: Mapping[str, str | int | float]
    metric: str
    value: float
    images: int
    runs: int = 1
    standard_error: float | None = None
    low95: float | None = None
    high95: float | None = None
    paper: PaperValue | None = None


@dataclass(frozen=True)
class Plot:
    """How rows become a picture.

    x: the condition's column on the x axis. series: columns that, with the model, name a curve.
    metric: the row's metric that is drawn first. kind "heatmap" draws x against y.
    x_scale: of a line's x axis.
    """

    kind: Literal["line", "bar", "heatmap"]
    x: str
    x_label: str
    y_label: str
    metric: str
    series: tuple[str, ...] = ()
    y: str | None = None
    x_scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Experiment:
    """One figure or table of a paper.

    name: as in URLs and on the command line. paper: section, figure or table.
    summary, look_for: two sentences each, for the page and the documentation.
    needs: what the data set must have.
    metrics: name to meaning with unit. supports: None, or why the model cannot take part.
    conditions: what is evaluated with a model; raises InvalidInput, its field "params.<name>", if
        the parameters do not fit the model.
    forwards: passes through the model an image takes, for the estimate of the time.
    preprocessings: what is read of each image, the model's own input first; it may depend on
        the saliency model. Read ahead while the network computes.
    rows: from the sums of all images.
    incremental: whether rows of a part of the data set mean something.
    uses_saliency: whether these parameters need another model's attention; such parameters have
        a field `saliency_model`, None for the default.
    """

    name: str
    title: str
    paper: str
    summary: str
    look_for: str
    parameters: type[ExperimentParams]
    needs: frozenset[Literal["labels", "masks"]]
    metrics: Mapping[str, str]
    plot: Plot
    supports: Callable[[ModelSpec], str | None]
    conditions: Callable[[Any, ModelSpec], Sequence[Condition]]
    forwards: Callable[[Any, ModelSpec], int]
    preprocessings: Callable[[Any, ModelSpec, ModelSpec | None], Sequence[Preprocessing]]
    evaluate: Callable[[ImageBatch, Any, Evaluation], Partial]
    rows: Callable[[Arrays, int, Any, ModelSpec], Sequence[Row]]
    incremental: bool = True
    uses_saliency: Callable[[Any], bool] = lambda _: False

    def saliency_name(self, params: ExperimentParams, default: str | None) -> str | None:
        """The saliency model that these parameters need, None if they need none.

        Raises WeightsUnavailable if they need one, name none, and there is no default.
        """
        if not self.uses_saliency(params):
            return None
        name: str | None = getattr(params, "saliency_model", None) or default
        if name is None:
            raise WeightsUnavailable(
                "expected a saliency model on this machine, got none; name one as saliency_model "
                "or fetch the paper's with: ipvit models pull dino_vit_s"
            )
        return name
