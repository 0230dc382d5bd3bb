"""Where a token looks: attention maps of chosen blocks and heads, raw or rolled out."""

import time
from collections.abc import Iterator
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
from ipvit.analyses.parameters import AttentionParams
from ipvit.analyses.pictures import Picture, composite_png, png_url
from ipvit.attention.patches import patch_grid, patch_mass
from ipvit.attention.rollout import rollout_rows
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import prepare
from ipvit.rendering import Display, heatmap_overlay

__all__ = ["attend"]

Row = npt.NDArray[np.floating]


@overload
def attend(
    image: DecodedImage,
    params: AttentionParams,
    context: AnalysisContext,
    *,
    composite: Literal[False] = False,
) -> Answer: ...
@overload
def attend(
    image: DecodedImage, params: AttentionParams, context: AnalysisContext, *, composite: bool
) -> Answer | bytes: ...
def attend(
    image: DecodedImage,
    params: AttentionParams,
    context: AnalysisContext,
    *,
    composite: bool = False,
) -> Answer | bytes:
    """Attention of the class or shape token to the patches, for each model, layer and head.

    composite: answer one PNG of all maps instead.
    Returns the answer of `POST /attention`. Raises InvalidInput for parameters that do not fit
    the models, and what `AnalysisContext.spec` and the forward pass raise.
    """
    started_s = time.perf_counter()
    params.validate(context.specs)
    specs = [context.spec(name) for name in params.models]
    submitted = [
        context.forward.submit(
            ForwardRequest(
                spec.name,
                prepare(image.image, spec.preprocessing)[None],
                _query(params, spec),
                logits=False,
            )
        )
        for spec in specs
    ]
    displays = [Display.of(image, spec.preprocessing, seen_px=seen_px(spec)) for spec in specs]
    models, pictures = [], []
    for spec, future, display in zip(specs, submitted, displays, strict=True):
        result = future.result()
        drawn = _maps(params, spec, result, display)
        if composite:
            pictures.append([picture for _, picture in drawn])
            continue
        # Each picture is encoded before the next is drawn: a hundred would fill the memory.
        maps = [{**entry, "overlay": png_url(picture.image)} for entry, picture in drawn]
        models.append(
            {
                **model_head(spec, result.precision),
                "grid": str(spec.grid),
                "layers": spec.depth,
                "heads": spec.heads,
                "original": png_url(image.display),
                "maps": maps,
            }
        )
    if composite:
        return composite_png(pictures)
    return {
        **answer_head(image, started_s),
        "method": params.method,
        "token": params.token,
        "models": models,
    }


def _layers(params: AttentionParams, spec: ModelSpec) -> list[int]:
    """The blocks asked for, counted from the first, each once, in the order asked."""
    return list(dict.fromkeys(layer % spec.depth for layer in params.layers))


def _query(params: AttentionParams, spec: ModelSpec) -> AttentionQuery:
    layers = _layers(params, spec)
    if params.method == "rollout":
        return AttentionQuery(tuple(range(max(layers) + 1)), ("all",))
    return AttentionQuery(tuple(sorted(layers)), (params.token,))


def _rows(
    params: AttentionParams, spec: ModelSpec, result: ForwardResult
) -> list[tuple[int, int | None, Row]]:
    """(layer, head, row of the attention matrix) of each map."""
    layers = _layers(params, spec)
    if params.method == "rollout":
        flow = [result.attention[layer][0] for layer in range(max(layers) + 1)]
        rolled = rollout_rows(flow, spec.tokens.index(params.token))
        return [(layer, None, rolled[layer]) for layer in layers]
    heads = list(dict.fromkeys(params.heads)) or range(spec.heads)
    return [
        (layer, head, result.attention[layer][0, head, 0]) for layer in layers for head in heads
    ]


def _maps(
    params: AttentionParams, spec: ModelSpec, result: ForwardResult, display: Display
) -> Iterator[tuple[Answer, Picture]]:
    for layer, head, row in _rows(params, spec, result):
        grid = spec.grid
        weights = patch_grid(row, prefix_tokens=spec.prefix_tokens, rows=grid.rows, cols=grid.cols)
        entry = {
            "layer": layer,
            "head": head,
            "weights": weights.tolist(),
            "patch_mass": float(patch_mass(row, prefix_tokens=spec.prefix_tokens)),
        }
        named = "rollout" if head is None else f"head {head}"
        caption = f"{spec.title}: {params.token} token, layer {layer}, {named}"
        yield entry, Picture(heatmap_overlay(display, weights), caption)
