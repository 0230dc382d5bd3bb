"""Feature drop ("lesion"): zero part of what enters a block or layer (Naseer et al. 2021, App. C).

In a vision transformer ⌊rate · tokens⌋ of the patch tokens that enter a block become 0, where
`tokens` counts the prefix tokens too; the prefix tokens themselves are never dropped. In a
convolutional network ⌊rate · H · W⌋ positions of a feature map become 0 in all channels: of the
map that enters one of its layers, or of the one that enters the final pooling.

Blocks count from 0, as everywhere. Layers count from 1, as a ResNet's are named; the one after the
last is the map before the pooling (the paper's layer 5 of ResNet50).

Deviations:
- a mask is drawn for each image, from (seed, key, site), where the original drew one for each
  batch; the rate is no part of the draw, so the masks of one seed are nested;
- in convolutional networks exactly ⌊rate · H · W⌋ positions are dropped, where the original kept
  each with probability 1 - rate.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ipvit import randomness
from ipvit.perturbations.patch_drop import drop_count

__all__ = ["Site", "feature_drop_mask"]


@dataclass(frozen=True)
class Site:
    """Where features are dropped: at the input of a block (0-based) or of a layer (1-based)."""

    kind: Literal["block", "layer"]
    index: int

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"


def feature_drop_mask(
    features: int, rate: float, site: Site, *, prefix_tokens: int = 0, seed: int, key: str
) -> npt.NDArray[np.bool_]:
    """Which of `features` patch tokens or positions are dropped.

    rate: from 0 to 1. prefix_tokens: counted among the tokens, never dropped.
    seed, key: name the draw; see `ipvit.randomness`.
    Returns (features,) bool, True is dropped: ⌊rate · (features + prefix_tokens)⌋ of them, or all.
    Raises InvalidInput (field "ratio") if the rate is not from 0 to 1.
    """
    count = min(features, drop_count(rate, features + prefix_tokens))
    order = randomness.permutation(
        features, seed=seed, key=key, condition=f"feature-drop/{site}/{features}"
    )
    mask = np.zeros(features, dtype=np.bool_)
    mask[order[:count]] = True
    return mask
