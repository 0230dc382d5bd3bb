"""Experiments over data sets, one file a figure or table of a paper.

`EXPERIMENTS` is the table of them; adding one is one file that exports `SPEC`, and one line here.
Importing this loads no torch.
"""

from ipvit.experiments import (
    attention_average,
    block_accuracy,
    feature_drop,
    patch_drop,
    patch_shuffle,
    placement,
    segmentation,
    token_correlation,
)
from ipvit.experiments.experiment import Experiment
from ipvit.registry import Registry

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: Registry[Experiment] = Registry(
    "experiment",
    (
        patch_drop.SPEC,
        patch_shuffle.SPEC,
        feature_drop.SPEC,
        placement.SPEC,
        segmentation.SPEC,
        block_accuracy.SPEC,
        token_correlation.SPEC,
        attention_average.SPEC,
    ),
)
