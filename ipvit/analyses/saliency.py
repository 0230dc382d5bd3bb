"""Where another model looks: the attention by which patches are dropped (Naseer et al. 2021, §3.1).

The paper takes DINO ViT-S/16, last block, class token, head 1. Here any model with attention can
be named; the query is its shape token where it has one. It sees the very region that the target
model sees, at its own input size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvit.analyses.areas import seen_px
from ipvit.analyses.forward import AnalysisContext, AttentionQuery, ForwardRequest
from ipvit.analyses.parameters import OccludeParams, check_head, require_token
from ipvit.attention.patches import patch_grid
from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.patch_drop import resample_attention
from ipvit.preprocessing import Preprocessing, matched, prepare

__all__ = ["Saliency", "measure_saliency"]

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Saliency:
    """A saliency model's attention to the image.

    weights: for each matched preprocessing, (rows, cols) on the saliency model's own patches.
    """

    spec: ModelSpec
    weights: Mapping[Preprocessing, Weights]

    def on_grid(self, target: ModelSpec, grid: Grid, area_px: int) -> Weights:
        """Attention to the cells of `grid`, laid over the first `area_px` px of the target.

        Returns (rows, cols) summing to 1.
        """
        weights = self.weights[matched(self.spec.preprocessing, target.preprocessing)]
        source_extent = seen_px(self.spec) / self.spec.input_px
        target_extent = area_px / target.input_px
        if source_extent == target_extent:
            resampled = resample_attention(weights, grid)
        else:
            rows = _overlap(weights.shape[0], source_extent, grid.rows, target_extent)
            cols = _overlap(weights.shape[1], source_extent, grid.cols, target_extent)
            resampled = rows @ weights @ cols.T
        normalised: Weights = resampled / resampled.sum()
        return normalised


def _overlap(sources: int, source_extent: float, targets: int, target_extent: float) -> Weights:
    """Which share of each source cell lies in each target cell: (targets, sources)."""
    source = np.arange(sources + 1) * source_extent / sources
    target = np.arange(targets + 1) * target_extent / targets
    shared = np.minimum(target[1:, None], source[1:]) - np.maximum(target[:-1, None], source[:-1])
    shares: Weights = np.clip(shared, 0, None) / (source_extent / sources)
    return shares


def measure_saliency(
    image: DecodedImage,
    params: OccludeParams,
    targets: Sequence[ModelSpec],
    context: AnalysisContext,
) -> Saliency:
    """Run the saliency model once for each region that the target models see.

    Raises WeightsUnavailable if there is no saliency model here, and InvalidInput if the one
    asked for has no attention or no such head.
    """
    name = params.saliency_model or context.default_saliency_model()
    spec = context.spec(name, field="saliency_model")
    token = spec.tokens[-1] if spec.tokens else ""
    require_token(spec, token, field="saliency_model")
    check_head(spec, params.saliency_head, field="saliency_head")
    head = spec.fixed_head if params.saliency_head is None else params.saliency_head
    views = {matched(spec.preprocessing, target.preprocessing): None for target in targets}
    request = ForwardRequest(
        spec.name,
        np.stack([prepare(image.image, view) for view in views]),
        AttentionQuery((spec.depth - 1,), (token,)),
        logits=False,
    )
    rows = context.forward.submit(request).result().attention[spec.depth - 1][:, head, 0]
    grid = spec.grid
    maps = patch_grid(rows, prefix_tokens=spec.prefix_tokens, rows=grid.rows, cols=grid.cols)
    return Saliency(spec, dict(zip(views, maps, strict=True)))
