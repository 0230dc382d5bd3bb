"""What is left of a prediction when patches are dropped (Naseer et al. 2021, §3.1)."""

import time
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from ipvit.analyses.answers import Answer, answer_head, compare_to_clean, model_head
from ipvit.analyses.areas import divided_area
from ipvit.analyses.forward import AnalysisContext, ForwardRequest, ForwardResult
from ipvit.analyses.parameters import OccludeParams
from ipvit.analyses.pictures import Image, Picture, composite_png, likeliest, png_url
from ipvit.analyses.saliency import Saliency, measure_saliency
from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.patch_drop import (
    custom_drop_mask,
    drop_patches,
    non_salient_drop_mask,
    random_drop_mask,
    salient_drop_mask,
)
from ipvit.preprocessing import crop_box, prepare
from ipvit.rendering import Display, render_dropped

__all__ = ["occlude"]

Mask = npt.NDArray[np.bool_]
Painting = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Plan:
    """What will be dropped for one model.

    area_px: side of the part of the input that the grid divides.
    conditions: (ratio, seed) of each variant; masks: (variants, rows, cols).
    attention: (rows, cols) summing to 1 in the salient modes.
    """

    spec: ModelSpec
    grid: Grid
    area_px: int
    conditions: tuple[tuple[float | None, int | None], ...]
    masks: Mask
    attention: npt.NDArray[np.float64] | None


@overload
def occlude(
    image: DecodedImage,
    params: OccludeParams,
    context: AnalysisContext,
    mask: Painting | None = None,
    *,
    composite: Literal[False] = False,
) -> Answer: ...
@overload
def occlude(
    image: DecodedImage,
    params: OccludeParams,
    context: AnalysisContext,
    mask: Painting | None = None,
    *,
    composite: bool,
) -> Answer | bytes: ...
def occlude(
    image: DecodedImage,
    params: OccludeParams,
    context: AnalysisContext,
    mask: Painting | None = None,
    *,
    composite: bool = False,
) -> Answer | bytes:
    """Drop patches and compare each prediction with the clean image's.

    mask: for mode "custom", (H, W) uint8, any value but 0 is dropped. A mask of the photo's own
        size is cropped as the photo is; any other is laid over what the model sees.
    composite: answer one PNG of all variants instead.
    Clean image and variants of a model are one forward request; models run side by side.
    Returns the answer of `POST /occlude`. Raises InvalidInput for parameters that do not fit the
    models, and what `AnalysisContext.spec` and the forward pass raise.
    """
    started_s = time.perf_counter()
    if composite:
        params = replace(params, include_images=True)
    params.validate(context.specs, has_mask=mask is not None)
    specs = [context.spec(name) for name in params.models]
    saliency = None
    if params.mode in ("salient", "non_salient"):
        saliency = measure_saliency(image, params, specs, context)
    plans = [_plan(image, params, spec, mask, saliency) for spec in specs]
    submitted = [
        context.forward.submit(ForwardRequest(plan.spec.name, _variants(image, plan, params)))
        for plan in plans
    ]
    # Pictures need masks only: they are drawn while the networks run.
    drawn = [_draw(image, plan, params) for plan in plans]
    models = [
        _entry(plan, future.result(), params.top_k)
        for plan, future in zip(plans, submitted, strict=True)
    ]
    if composite:
        return composite_png(map(_captioned, models, drawn))
    for model, pictures in zip(models, drawn, strict=True):
        for result, picture in zip(model["results"], pictures, strict=False):
            result["image"] = png_url(picture)
    return {
        **answer_head(image, started_s),
        "mode": params.mode,
        "offset_px": params.offset_px,
        "saliency_model": saliency.spec.name if saliency else None,
        "models": models,
    }


def _plan(
    image: DecodedImage,
    params: OccludeParams,
    spec: ModelSpec,
    mask: Painting | None,
    saliency: Saliency | None,
) -> _Plan:
    grid = spec.grid if params.grid is None else Grid.parse(params.grid)
    area_px = divided_area(spec, grid)
    conditions = tuple(
        (ratio, seed) for ratio in params.effective_ratios for seed in params.effective_seeds
    )
    attention = saliency.on_grid(spec, grid, area_px) if saliency else None
    if mask is not None and params.mode == "custom":
        masks = [custom_drop_mask(_over_area(mask, image, spec, grid, area_px), grid)]
    elif attention is not None:
        draw = salient_drop_mask if params.mode == "salient" else non_salient_drop_mask
        masks = [draw(attention, ratio) for ratio in params.ratios]
    else:
        masks = [
            random_drop_mask(grid, ratio, seed=seed)
            for ratio in params.ratios
            for seed in params.seeds
        ]
    return _Plan(spec, grid, area_px, conditions, np.stack(masks), attention)


def _over_area(
    mask: Painting, image: DecodedImage, spec: ModelSpec, grid: Grid, area_px: int
) -> Painting:
    """The part of a painted mask that lies over the area the grid divides."""
    height, width = mask.shape
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if (width, height) == (image.width, image.height):
        left, top, right, bottom = crop_box(width, height, spec.preprocessing)
    elif (height, width) == (grid.rows, grid.cols):
        return mask
    share = area_px / spec.input_px
    first_row, first_col = round(top), round(left)
    beyond_row = max(first_row + 1, round(top + (bottom - top) * share))
    beyond_col = max(first_col + 1, round(left + (right - left) * share))
    return mask[first_row:beyond_row, first_col:beyond_col]


def _variants(image: DecodedImage, plan: _Plan, params: OccludeParams) -> npt.NDArray[np.uint8]:
    """The clean image and one copy for each mask: (1 + variants, 3, H, W)."""
    clean = prepare(image.image, plan.spec.preprocessing)
    images = np.empty((1 + len(plan.masks), *clean.shape), dtype=np.uint8)
    images[0] = clean
    area = (..., slice(plan.area_px), slice(plan.area_px))
    if plan.area_px < plan.spec.input_px:
        images[1:] = clean
    images[1:][area] = drop_patches(clean[area], plan.masks, params.offset_px)
    return images


def _entry(plan: _Plan, result: ForwardResult, top_k: int) -> Answer:
    clean, compared = compare_to_clean(plan.spec, result.logits, top_k)
    patches = plan.grid.cells
    results = []
    for (ratio, seed), mask, comparison in zip(plan.conditions, plan.masks, compared, strict=True):
        dropped = int(np.count_nonzero(mask))
        mass = None if plan.attention is None else float(plan.attention[mask].sum())
        results.append(
            {
                "ratio": ratio,
                "seed": seed,
                **comparison,
                "dropped_patches": dropped,
                "patches": patches,
                "information_loss": dropped / patches,
                "attention_mass": mass,
            }
        )
    head = model_head(plan.spec, result.precision)
    return {**head, "grid": str(plan.grid), "clean": clean, "results": results}


def _draw(image: DecodedImage, plan: _Plan, params: OccludeParams) -> list[Image]:
    """One picture a variant; none if none are wanted."""
    if not params.include_images:
        return []
    display = Display.of(image, plan.spec.preprocessing, seen_px=plan.area_px)
    return [render_dropped(display, mask, params.offset_px) for mask in plan.masks]


def _captioned(model: Answer, drawn: list[Image]) -> list[Picture]:
    pictures = []
    for result, picture in zip(model["results"], drawn, strict=True):
        drop = f"{result['dropped_patches']} of {result['patches']} dropped"
        seed = "" if result["seed"] is None else f", seed {result['seed']}"
        caption = f"{model['title']}: {drop}{seed}: {likeliest(result)}"
        pictures.append(Picture(picture, caption))
    return pictures
