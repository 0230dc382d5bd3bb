"""Counting right answers, shared by the experiments that report accuracy."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ipvit.experiments.experiment import Arrays, Condition, Row
from ipvit.experiments.statistics import accuracy_row
from ipvit.models.model_spec import ModelSpec

__all__ = ["ACCURACY_METRICS", "Tally", "accuracy_rows", "label_ranks", "needs_classifier"]

ACCURACY_METRICS: Mapping[str, str] = {
    "top1": "Top-1 accuracy: share of images whose label is the likeliest class (%).",
    "top5": "Top-5 accuracy: share of images whose label is among the five likeliest classes (%).",
}
"""Metrics that `accuracy_rows` reports."""

_RANKS = {"top1": 1, "top5": 5}


def needs_classifier(spec: ModelSpec) -> str | None:
    """Why a model cannot take part where classes are predicted."""
    return None if spec.num_classes else "it has no classification head"


def label_ranks(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many classes are ahead of the label: 0 is right.

    logits: (n, classes). labels: (n,); an image without a label (-1), or whose label's logit is
    not a number, ranks last. Of equal logits the class of the smaller index is ahead.
    Returns (n,) int64.
    """
    classes = logits.shape[1]
    own = np.take_along_axis(logits, np.maximum(labels, 0)[:, np.newaxis], axis=1)  # (n, 1)
    smaller_index = np.arange(classes) < labels[:, np.newaxis]
    ahead = (logits > own) | ((logits == own) & smaller_index)
    ranks: npt.NDArray[np.int64] = ahead.sum(axis=1).astype(np.int64)
    ranks[(labels < 0) | np.isnan(own[:, 0])] = classes
    return ranks


class Tally:
    """Right answers of a batch, by condition and run."""

    def __init__(self, conditions: Sequence[Condition], labels: npt.NDArray[np.int64]) -> None:
        self._labels = labels
        shape = (len(conditions), max(condition.runs for condition in conditions))
        self.sums = {metric: np.zeros(shape, np.int64) for metric in _RANKS}

    def count(self, condition: int, run: int, logits: npt.NDArray[np.float32]) -> None:
        """Take the answers of the whole batch under a condition."""
        ranks = label_ranks(logits, self._labels)
        for metric, beyond in _RANKS.items():
            self.sums[metric][condition, run] += np.count_nonzero(ranks < beyond)


def accuracy_rows(
    conditions: Sequence[Condition], sums: Arrays, images: int, spec: ModelSpec
) -> list[Row]:
    """Rows of top-1 and, where there are more than five classes, top-5 accuracy."""
    return [
        accuracy_row(condition.values, metric, sums[metric][index, : condition.runs], images)
        for metric, beyond in _RANKS.items()
        if spec.num_classes > beyond
        for index, condition in enumerate(conditions)
    ]
