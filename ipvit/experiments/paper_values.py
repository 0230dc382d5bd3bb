"""What the paper reports, to be shown beside our numbers (Naseer et al. 2021, arXiv 2105.10497).

A number belongs to one model of the registry, one metric and one condition. It is shown beside a
row only if every column of the condition that the entry names has the same value, so an entry
names all columns that could make a difference. Accuracies are top-1 in % on the validation set of
ImageNet-1k, Jaccard indices in % on that of PASCAL VOC 2012; on another data set they are no more
than a landmark.

Left out: what the paper says of no single model ("DeiT keeps about 60 % at a loss of 0.8"), what
it only draws (Fig. 2, 3, 5, 15), and models that the registry does not hold but for Table 1, whose
TNT-S and T2T-24 are listed as `tnt_s` and `t2t_24` for who adds them.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ipvit.experiments.experiment import PaperValue

__all__ = ["PAPER_ENTRIES", "PaperEntry", "paper_value"]

Value = str | int | float
Columns = Mapping[str, Value]


@dataclass(frozen=True)
class PaperEntry:
    """One number: of a model, in the unit of the experiment's metric, under a condition."""

    experiment: str
    model: str
    metric: str
    value: float
    source: str
    condition: Columns = field(default_factory=dict)


def paper_value(experiment: str, model: str, condition: Columns, metric: str) -> PaperValue | None:
    """What the paper reports for a row, None where it reports nothing.

    condition: the row's columns; more than an entry names do no harm.
    """
    for entry in _entries_by_row().get((experiment, model, metric), ()):
        if all(_equal(condition.get(name), value) for name, value in entry.condition.items()):
            return PaperValue(entry.value, entry.source)
    return None


def _equal(ours: Value | None, papers: Value) -> bool:
    if isinstance(ours, str) or isinstance(papers, str) or ours is None:
        return ours == papers
    return abs(ours - papers) < 1e-9


@functools.cache
def _entries_by_row() -> Mapping[tuple[str, str, str], tuple[PaperEntry, ...]]:
    found: dict[tuple[str, str, str], tuple[PaperEntry, ...]] = {}
    for entry in PAPER_ENTRIES:
        key = (entry.experiment, entry.model, entry.metric)
        found[key] = (*found.get(key, ()), entry)
    return found


def _patch_drop() -> Iterator[PaperEntry]:
    def entry(model: str, mode: str, ratio: float, value: float, source: str) -> PaperEntry:
        condition: Columns = {"mode": mode, "grid": "14x14", "offset_px": 0, "ratio": ratio}
        return PaperEntry("patch-drop", model, "top1", value, source, condition)

    yield entry("deit_s", "random", 0.5, 70.0, "Naseer et al. 2021, §3.1")
    yield entry("resnet50", "random", 0.5, 0.1, "Naseer et al. 2021, §3.1")
    yield entry("deit_b", "random", 0.9, 37.0, "Naseer et al. 2021, §3.1")
    for mode in ("random", "non_salient", "salient"):
        yield entry("deit_b", mode, 0.0, 81.7, "Naseer et al. 2021, Fig. 27")
    yield entry("deit_b", "random", 0.5, 75.5, "Naseer et al. 2021, Fig. 27")
    yield entry("deit_b", "non_salient", 0.5, 68.1, "Naseer et al. 2021, Fig. 27")
    yield entry("deit_b", "salient", 0.5, 71.3, "Naseer et al. 2021, Fig. 27")


UNSHUFFLED = (
    ("deit_t_nopos", 68.3, 89.0),
    ("deit_t_patch22", 68.7, 89.0),
    ("deit_t_patch28", 65.2, 86.7),
    ("deit_t_patch32", 63.1, 85.3),
    ("deit_t_patch38", 55.2, 78.8),
)


def _patch_shuffle() -> Iterator[PaperEntry]:
    for model, top1, top5 in UNSHUFFLED:
        for metric, value in (("top1", top1), ("top5", top5)):
            source = "Naseer et al. 2021, weights of §3.3, not shuffled"
            yield PaperEntry("patch-shuffle", model, metric, value, source, {"grid": "1x1"})


PLACEMENT = {
    "resnet50": (5.59, 5.71, 4.86, 5.30),
    "deit_t": (51.21, 51.38, 50.61, 50.70),
    "deit_s": (63.14, 63.01, 62.62, 62.79),
    "deit_b": (69.37, 69.29, 69.18, 69.20),
}
CORNERS = ("top-right", "top-left", "bottom-right", "bottom-left")


def _placement() -> Iterator[PaperEntry]:
    for model, values in PLACEMENT.items():
        for corner, value in zip(CORNERS, values, strict=True):
            source = "Naseer et al. 2021, Table 8"
            condition: Columns = {"corner": corner, "size_px": 128}
            yield PaperEntry("placement", model, "top1", value, source, condition)


BLOCK_DROP = {
    "vit_l": {
        1: (75.72, 67.62, 25.99),
        3: (74.74, 66.86, 28.89),
        5: (73.32, 60.56, 29.69),
        7: (75.56, 69.65, 53.42),
        9: (76.16, 70.59, 42.63),
        11: (76.28, 66.15, 28.95),
    },
    "deit_b": {
        1: (57.36, 38.51, 15.17),
        3: (48.46, 32.61, 11.60),
        5: (54.67, 40.70, 14.10),
        7: (55.44, 43.90, 24.10),
        9: (50.54, 28.43, 18.21),
        11: (61.97, 35.10, 10.94),
    },
}
RESNET50_LAYER_DROP = {
    1: (0.14, 0.09, 0.05),
    2: (45.09, 4.91, 0.23),
    3: (69.19, 28.35, 0.52),
    4: (73.95, 64.12, 18.95),
    5: (75.74, 75.21, 73.57),
}
DROP_SHARES = (0.25, 0.5, 0.75)


def _feature_drop() -> Iterator[PaperEntry]:
    tables = [("block", model, table) for model, table in BLOCK_DROP.items()]
    for kind, model, table in [*tables, ("layer", "resnet50", RESNET50_LAYER_DROP)]:
        for index, values in table.items():
            for rate, value in zip(DROP_SHARES, values, strict=True):
                condition: Columns = {"site": f"{kind} {index}", "rate": rate}
                source = "Naseer et al. 2021, App. C"
                yield PaperEntry("feature-drop", model, "top1", value, source, condition)


JACCARD = (
    ("deit_t", "random", "cls", 19.6),
    ("deit_s", "random", "cls", 22.0),
    ("deit_t", "trained", "cls", 32.2),
    ("deit_s", "trained", "cls", 29.2),
    ("deit_t_sin", "trained", "cls", 29.4),
    ("deit_s_sin", "trained", "cls", 37.5),
    ("deit_t_sin_dist", "trained", "cls", 40.0),
    ("deit_s_sin_dist", "trained", "cls", 42.0),
    ("deit_t_sin_dist", "trained", "shape", 42.2),
    ("deit_s_sin_dist", "trained", "shape", 42.4),
)


def _segmentation() -> Iterator[PaperEntry]:
    for model, weights, token, value in JACCARD:
        condition: Columns = {"weights": weights, "token": token, "threshold": 0.9}
        source = "Naseer et al. 2021, Table 4 (VOC12)"
        yield PaperEntry("segmentation", model, "jaccard_best", value, source, condition)


LAST_BLOCK = (
    ("deit_t_sin", "cls", 40.5),
    ("deit_t_sin_dist", "cls", 71.8),
    ("deit_t_sin_dist", "shape", 63.4),
    ("deit_s_sin", "cls", 52.5),
    ("deit_s_sin_dist", "cls", 75.3),
    ("deit_s_sin_dist", "shape", 67.7),
)


def _block_accuracy() -> Iterator[PaperEntry]:
    for model, token, value in LAST_BLOCK:
        condition: Columns = {"block": 11, "token": token}
        source = "Naseer et al. 2021, Table 3 (the last block)"
        yield PaperEntry("block-accuracy", model, "top1", value, source, condition)


CORRELATION = {
    "resnet50": ((0.32, 0.16), (0.13, 0.11), (0.07, 0.09)),
    "tnt_s": ((0.83, 0.08), (0.67, 0.12), (0.46, 0.17)),
    "vit_l": ((0.92, 0.06), (0.81, 0.13), (0.50, 0.21)),
    "deit_b": ((0.90, 0.06), (0.77, 0.10), (0.56, 0.15)),
    "t2t_24": ((0.80, 0.10), (0.60, 0.15), (0.31, 0.17)),
}


def _token_correlation() -> Iterator[PaperEntry]:
    for model, values in CORRELATION.items():
        for ratio, (mean, deviation) in zip(DROP_SHARES, values, strict=True):
            condition: Columns = {"ratio": ratio, "grid": "14x14"}
            source = "Naseer et al. 2021, Table 1"
            for metric, value in (("correlation", mean), ("deviation", deviation)):
                yield PaperEntry("token-correlation", model, metric, value, source, condition)


PAPER_ENTRIES = (
    *_patch_drop(),
    *_patch_shuffle(),
    *_placement(),
    *_feature_drop(),
    *_segmentation(),
    *_block_accuracy(),
    *_token_correlation(),
)
"""Every number, in the order of the experiments."""
