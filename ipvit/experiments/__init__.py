"""Experiments over data sets, one file a figure or table of a paper.

`EXPERIMENTS` is the table of them; adding one is one file that exports `SPEC`, and one line here.
Importing this loads no torch.
"""

from ipvit.experiments import patch_drop, patch_shuffle, placement
from ipvit.experiments.experiment import Experiment
from ipvit.registry import Registry

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: Registry[Experiment] = Registry(
    "experiment",
    (
        patch_drop.SPEC,
        patch_shuffle.SPEC,
        placement.SPEC,
    ),
)
