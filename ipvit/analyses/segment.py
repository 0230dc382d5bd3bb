"""Foreground by attention (Naseer et al. 2021, §3.2, Table 4; after Caron et al. 2021).

The last block's attention of the class or shape token to the patches, thresholded by mass, each
head by itself. As in the paper the whole image is resized to a square, its sides' ratio not kept,
and nothing is cropped; the square is the model's own input size where the paper takes 512 px.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from ipvit.analyses.answers import Answer, answer_head, model_head
from ipvit.analyses.areas import seen_px
from ipvit.analyses.forward import (
    AnalysisContext,
    AttentionQuery,
    ForwardRequest,
    ForwardResult,
)
from ipvit.analyses.parameters import SegmentParams
from ipvit.analyses.pictures import Picture, composite_png, png_url
from ipvit.attention.patches import patch_grid
from ipvit.errors import InvalidInput
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing, prepare
from ipvit.rendering import Display, mask_image, render_segmentation
from ipvit.segmentation.jaccard import JaccardScores, best_and_fixed_head
from ipvit.segmentation.mass_threshold import mass_threshold
from ipvit.segmentation.upsampling import upsample_masks

__all__ = ["segment", "segmentation_view"]

Mask = npt.NDArray[np.bool_]
GroundTruth = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Segmentation:
    """One model's masks (heads, rows, cols), and their scores where there is ground truth."""

    spec: ModelSpec
    masks: Mask
    scores: JaccardScores | None

    @property
    def chosen_head(self) -> int:
        """The best head by the ground truth, or the head fixed beforehand."""
        return self.spec.fixed_head if self.scores is None else self.scores.best_head


def segmentation_view(preprocessing: Preprocessing) -> Preprocessing:
    """The whole image as a square of the model's input size."""
    return replace(preprocessing, resize_px=preprocessing.crop_px, squash=True)


@overload
def segment(
    image: DecodedImage,
    params: SegmentParams,
    context: AnalysisContext,
    ground_truth: GroundTruth | None = None,
    *,
    composite: Literal[False] = False,
) -> Answer: ...
@overload
def segment(
    image: DecodedImage,
    params: SegmentParams,
    context: AnalysisContext,
    ground_truth: GroundTruth | None = None,
    *,
    composite: bool,
) -> Answer | bytes: ...
def segment(
    image: DecodedImage,
    params: SegmentParams,
    context: AnalysisContext,
    ground_truth: GroundTruth | None = None,
    *,
    composite: bool = False,
) -> Answer | bytes:
    """Segment the image by each attention head of each model's last block.

    ground_truth: (H, W) uint8 of the image's size; 0 background, 255 void, else a class.
    composite: answer one PNG of the chosen segmentations instead.
    Only the rows of the token asked for are computed, in the last block.
    Returns the answer of `POST /segment`. Raises InvalidInput for parameters that do not fit the
    models or a ground truth of another size, and what the forward pass raises.
    """
    started_s = time.perf_counter()
    if composite:
        params = replace(params, include_images=True)
    params.validate(context.specs)
    _check_ground_truth(ground_truth, image)
    specs = [context.spec(name) for name in params.models]
    submitted = [
        context.forward.submit(
            ForwardRequest(
                spec.name,
                prepare(image.image, segmentation_view(spec.preprocessing))[None],
                AttentionQuery((spec.depth - 1,), (params.token,)),
                logits=False,
            )
        )
        for spec in specs
    ]
    models, pictures = [], []
    for spec, future in zip(specs, submitted, strict=True):
        result = future.result()
        found = _segmentation(params, spec, result, ground_truth)
        entry = _entry(found, result.precision)
        if params.include_images:
            pictures.append(_draw(image, found, entry))
        models.append(entry)
    if composite:
        return composite_png(pictures)
    return {
        **answer_head(image, started_s),
        "token": params.token,
        "threshold": params.threshold,
        "models": models,
    }


def _check_ground_truth(ground_truth: GroundTruth | None, image: DecodedImage) -> None:
    if ground_truth is not None and ground_truth.shape != (image.height, image.width):
        height, width = ground_truth.shape
        raise InvalidInput(
            f"expected ground truth of the image's size, {image.width}x{image.height} px, "
            f"got {width}x{height} px",
            field="ground_truth",
        )


def _segmentation(
    params: SegmentParams,
    spec: ModelSpec,
    result: ForwardResult,
    ground_truth: GroundTruth | None,
) -> _Segmentation:
    rows = result.attention[spec.depth - 1][0, :, 0]  # (heads, tokens)
    grid = spec.grid
    weights = patch_grid(rows, prefix_tokens=spec.prefix_tokens, rows=grid.rows, cols=grid.cols)
    flat = mass_threshold(weights.reshape(len(weights), -1), params.threshold)
    masks = flat.reshape(weights.shape)
    scores = None
    if ground_truth is not None:
        height, width = ground_truth.shape
        upsampled = upsample_masks(masks, height, width, seen_share=seen_px(spec) / spec.input_px)
        scores = best_and_fixed_head(upsampled, ground_truth, spec.fixed_head)
    return _Segmentation(spec, masks, scores)


def _entry(found: _Segmentation, precision: str) -> Answer:
    spec, scores = found.spec, found.scores
    head = model_head(spec, precision, segmentation_view(spec.preprocessing))
    why = (
        "the model's fixed head, chosen without ground truth"
        if scores is None
        else "agrees best with the ground truth"
    )
    return {
        **head,
        "grid": str(spec.grid),
        "heads": [
            {
                "head": index,
                "coverage": float(mask.mean()),
                "jaccard": None if scores is None else scores.per_head[index],
            }
            for index, mask in enumerate(found.masks)
        ],
        "chosen": {"head": found.chosen_head, "why": why},
        "jaccard": None
        if scores is None
        else {
            "best_head": scores.best_head,
            "best": scores.best,
            "fixed_head": scores.fixed_head,
            "fixed": scores.fixed,
        },
    }


def _draw(image: DecodedImage, found: _Segmentation, entry: Answer) -> list[Picture]:
    """Put the pictures into `entry`; returns the chosen one."""
    spec = found.spec
    display = Display.of(image, segmentation_view(spec.preprocessing), seen_px=seen_px(spec))
    for head, mask in zip(entry["heads"], found.masks, strict=True):
        head["mask"] = png_url(mask_image(display, mask))
    overlay = render_segmentation(display, found.masks[found.chosen_head])
    entry["overlay"] = png_url(overlay)
    return [Picture(overlay, f"{spec.title}: head {found.chosen_head}")]
