"""Attention rollout (Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers).

Each block's attention is averaged over heads and mixed with the identity that the residual
connection adds, ½ A + ½ I; the product over blocks says how much of each input token reaches a
token of the last one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ipvit.errors import CaptureMismatch

__all__ = ["rollout_rows"]


def rollout_rows(
    maps: Sequence[npt.NDArray[np.floating]], token: int
) -> list[npt.NDArray[np.float64]]:
    """Where a token's content comes from, after each block.

    maps: one (heads, tokens, tokens) for each block from the first on, rows summing to 1.
    token: the position of the token that is looked at.
    Returns for each block the row (tokens,) float64 of the rollout up to it, summing to 1.
    Raises CaptureMismatch if a map is not square.
    """
    for weights in maps:
        if weights.ndim != 3 or weights.shape[1] != weights.shape[2]:
            raise CaptureMismatch(
                f"expected attention of all tokens to all, (heads, N, N), got {weights.shape}"
            )
    flows = [
        0.5 * weights.mean(axis=0, dtype=np.float64) + 0.5 * np.eye(weights.shape[1])
        for weights in maps
    ]
    rows = []
    reached = np.eye(flows[0].shape[0]) if flows else np.empty((0, 0))
    for flow in flows:
        reached = flow @ reached  # (tokens, tokens)
        rows.append(reached[token].copy())
    return rows
