"""What is left of a prediction when the cells of a grid are shuffled (Naseer et al. 2021, §3.3)."""

import time
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from ipvit.analyses.answers import Answer, answer_head, compare_to_clean, model_head
from ipvit.analyses.areas import divided_area
from ipvit.analyses.forward import AnalysisContext, ForwardRequest, ForwardResult
from ipvit.analyses.parameters import ShuffleParams
from ipvit.analyses.pictures import Image, Picture, composite_png, likeliest, png_url
from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.patch_shuffle import shuffle_patches, shuffle_permutation
from ipvit.preprocessing import prepare
from ipvit.rendering import Display, render_shuffled

__all__ = ["shuffle"]


@dataclass(frozen=True, eq=False)
class _Variant:
    """One permutation of the cells of `grid`, laid over the first `area_px` px of the input."""

    grid: Grid
    area_px: int
    seed: int
    permutation: npt.NDArray[np.int64]


@overload
def shuffle(
    image: DecodedImage,
    params: ShuffleParams,
    context: AnalysisContext,
    *,
    composite: Literal[False] = False,
) -> Answer: ...
@overload
def shuffle(
    image: DecodedImage, params: ShuffleParams, context: AnalysisContext, *, composite: bool
) -> Answer | bytes: ...
def shuffle(
    image: DecodedImage,
    params: ShuffleParams,
    context: AnalysisContext,
    *,
    composite: bool = False,
) -> Answer | bytes:
    """Shuffle cells and compare each prediction with the clean image's.

    composite: answer one PNG of all variants instead.
    Clean image and variants of a model are one forward request; models run side by side.
    Returns the answer of `POST /shuffle`. Raises InvalidInput for parameters that do not fit the
    models, and what `AnalysisContext.spec` and the forward pass raise.
    """
    started_s = time.perf_counter()
    if composite:
        params = replace(params, include_images=True)
    params.validate(context.specs)
    plans = [(spec, _plan(params, spec)) for spec in map(context.spec, params.models)]
    submitted = [
        context.forward.submit(ForwardRequest(spec.name, _images(image, spec, variants)))
        for spec, variants in plans
    ]
    # Pictures need permutations only: they are drawn while the networks run.
    drawn = [
        _draw(image, spec, variants) if params.include_images else [] for spec, variants in plans
    ]
    models = [
        _entry(spec, variants, future.result(), params.top_k)
        for (spec, variants), future in zip(plans, submitted, strict=True)
    ]
    if composite:
        return composite_png(map(_captioned, models, drawn))
    for model, pictures in zip(models, drawn, strict=True):
        for result, picture in zip(model["results"], pictures, strict=False):
            result["image"] = png_url(picture)
    return {**answer_head(image, started_s), "models": models}


def _plan(params: ShuffleParams, spec: ModelSpec) -> list[_Variant]:
    grids = [Grid.parse(grid) for grid in params.grids] or [spec.grid]
    return [
        _Variant(grid, divided_area(spec, grid), seed, shuffle_permutation(grid, seed=seed))
        for grid in grids
        for seed in params.seeds
    ]


def _images(
    image: DecodedImage, spec: ModelSpec, variants: list[_Variant]
) -> npt.NDArray[np.uint8]:
    """The clean image and one copy for each permutation: (1 + variants, 3, H, W)."""
    clean = prepare(image.image, spec.preprocessing)
    images = np.repeat(clean[np.newaxis], 1 + len(variants), axis=0)
    for changed, variant in zip(images[1:], variants, strict=True):
        area = (..., slice(variant.area_px), slice(variant.area_px))
        changed[area] = shuffle_patches(clean[area], variant.permutation, variant.grid)
    return images


def _entry(spec: ModelSpec, variants: list[_Variant], result: ForwardResult, top_k: int) -> Answer:
    clean, compared = compare_to_clean(spec, result.logits, top_k)
    results = [
        {
            "grid": str(variant.grid),
            "seed": variant.seed,
            "cells": variant.grid.cells,
            **comparison,
        }
        for variant, comparison in zip(variants, compared, strict=True)
    ]
    return {**model_head(spec, result.precision), "clean": clean, "results": results}


def _draw(image: DecodedImage, spec: ModelSpec, variants: list[_Variant]) -> list[Image]:
    pictures = []
    for variant in variants:
        display = Display.of(image, spec.preprocessing, seen_px=variant.area_px)
        pictures.append(render_shuffled(display, variant.permutation, variant.grid))
    return pictures


def _captioned(model: Answer, drawn: list[Image]) -> list[Picture]:
    pictures = []
    for result, picture in zip(model["results"], drawn, strict=True):
        condition = f"{result['grid']}, seed {result['seed']}"
        caption = f"{model['title']}: {condition}: {likeliest(result)}"
        pictures.append(Picture(picture, caption))
    return pictures
