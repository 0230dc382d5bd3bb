"""The parameters of each analysis, checked against the models they name.

Every class is JSON-able: `asdict(params)` travels in a message and `OccludeParams(**message)`
brings it back. `validate` raises InvalidInput with the name of the HTTP field at fault.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ipvit.analyses.areas import divided_area
from ipvit.analyses.forward import find_spec, require_head
from ipvit.errors import InvalidInput, TokenUnavailable
from ipvit.grid import Grid
from ipvit.models.specs import ModelSpec

__all__ = [
    "AttentionParams",
    "OccludeParams",
    "PredictParams",
    "SegmentParams",
    "ShuffleParams",
]

MAX_MODELS = 8
MAX_RATIOS = 100
MAX_SEEDS = 50
MAX_VARIANTS = 1000
MAX_PICTURES = 100
MAX_MAPS = 200
MAX_SEED = 2**63 - 1
MODES = ("random", "salient", "non_salient", "custom")
METHODS = ("raw", "rollout")

Specs = Mapping[str, ModelSpec]


def _check_models(names: Sequence[str], specs: Specs) -> list[ModelSpec]:
    if not 1 <= len(names) <= MAX_MODELS:
        raise InvalidInput(f"expected 1 to {MAX_MODELS} models, got {len(names)}", field="model")
    if len(set(names)) != len(names):
        raise InvalidInput(f"expected each model once, got {', '.join(names)}", field="model")
    return [find_spec(specs, name) for name in names]


def _check_classifiers(names: Sequence[str], specs: Specs, top_k: int) -> list[ModelSpec]:
    models = _check_models(names, specs)
    for spec in models:
        require_head(spec)
        if not 1 <= top_k <= spec.num_classes:
            raise InvalidInput(
                f"expected top_k from 1 to {spec.num_classes}, the classes of {spec.name}, "
                f"got {top_k}",
                field="top_k",
            )
    return models


def _check_attending(names: Sequence[str], specs: Specs, token: str) -> list[ModelSpec]:
    models = _check_models(names, specs)
    for spec in models:
        require_token(spec, token, field="token")
    return models


def require_token(spec: ModelSpec, token: str, *, field: str) -> None:
    """Raise InvalidInput if the model has no such token, or no attention at all."""
    if not spec.has_attention:
        raise InvalidInput(
            f"expected a model whose class token attends to patches, got {spec.name!r}, "
            "which has none",
            field="model" if field == "token" else field,
        )
    if token not in spec.tokens:
        raise TokenUnavailable(
            f"expected one of the tokens of {spec.name!r} ({', '.join(spec.tokens)}), "
            f"got {token!r}",
            field=field,
        )


def _check_seeds(seeds: Sequence[int]) -> None:
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise InvalidInput(f"expected 1 to {MAX_SEEDS} seeds, got {len(seeds)}", field="seed")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise InvalidInput(f"expected a seed from 0 to {MAX_SEED}, got {seed}", field="seed")


def _check_variants(count: int, *, include_images: bool, field: str) -> None:
    limit = MAX_PICTURES if include_images else MAX_VARIANTS
    if count > limit:
        kind = "pictures (include_images=false allows more)" if include_images else "variants"
        raise InvalidInput(
            f"expected at most {limit} {kind} over all models, got {count}", field=field
        )


@dataclass(frozen=True)
class PredictParams:
    """models: names; top_k: classes answered, the likeliest first."""

    models: Sequence[str]
    top_k: int = 5

    def validate(self, specs: Specs) -> None:
        """Raise InvalidInput naming the field that is wrong."""
        _check_classifiers(self.models, specs, self.top_k)


@dataclass(frozen=True)
class OccludeParams:
    """How to drop patches.

    mode: "random", "salient", "non_salient" or "custom" (by a painted mask).
    ratios: share of the patches dropped; in both salient modes share of attention mass dropped.
    grid: "14x14", rows by columns; None is each model's own.
    offset_px: how far the mask is moved right and down.
    seeds: one draw each; only the random mode draws.
    saliency_model, saliency_head: whose attention says what is salient; None is the default.
    """

    models: Sequence[str]
    mode: str = "random"
    ratios: Sequence[float] = (0.5,)
    grid: str | None = None
    offset_px: int = 0
    seeds: Sequence[int] = (0,)
    top_k: int = 5
    include_images: bool = True
    saliency_model: str | None = None
    saliency_head: int | None = None

    @property
    def effective_ratios(self) -> tuple[float | None, ...]:
        """A custom mask has no ratio but its own."""
        return (None,) if self.mode == "custom" else tuple(self.ratios)

    @property
    def effective_seeds(self) -> tuple[int | None, ...]:
        """Only the random mode draws; the others are one run (Naseer et al. 2021, §3.1)."""
        return tuple(self.seeds) if self.mode == "random" else (None,)

    def validate(self, specs: Specs, *, has_mask: bool = False) -> None:
        """Raise InvalidInput naming the field that is wrong."""
        models = _check_classifiers(self.models, specs, self.top_k)
        if self.mode not in MODES:
            raise InvalidInput(
                f"expected one of {', '.join(MODES)}, got {self.mode!r}", field="mode"
            )
        if self.mode == "custom" and not has_mask:
            raise InvalidInput("expected a mask (PNG) in mode custom, got none", field="mask")
        _check_ratios(self.ratios)
        _check_seeds(self.seeds)
        _check_variants(
            len(models) * len(self.effective_ratios) * len(self.effective_seeds),
            include_images=self.include_images,
            field="ratio",
        )
        grid = None if self.grid is None else Grid.parse(self.grid)
        for spec in models:
            divided_area(spec, grid or spec.grid)
            if not 0 <= self.offset_px < spec.input_px:
                raise InvalidInput(
                    f"expected an offset from 0 to {spec.input_px - 1} px, the input of "
                    f"{spec.name}, got {self.offset_px}",
                    field="offset_px",
                )
        if self.mode in ("salient", "non_salient") and self.saliency_model is not None:
            spec = find_spec(specs, self.saliency_model, field="saliency_model")
            require_token(spec, spec.tokens[-1] if spec.tokens else "", field="saliency_model")
            check_head(spec, self.saliency_head, field="saliency_head")


def _check_ratios(ratios: Sequence[float]) -> None:
    if not 1 <= len(ratios) <= MAX_RATIOS:
        raise InvalidInput(f"expected 1 to {MAX_RATIOS} ratios, got {len(ratios)}", field="ratio")
    for ratio in ratios:
        if not (math.isfinite(ratio) and 0 <= ratio <= 1):
            raise InvalidInput(f"expected a ratio from 0 to 1, got {ratio}", field="ratio")


def check_head(spec: ModelSpec, head: int | None, *, field: str) -> None:
    """Raise InvalidInput if the model has no such attention head."""
    if head is not None and not 0 <= head < spec.heads:
        raise InvalidInput(
            f"expected a head from 0 to {spec.heads - 1}, the heads of {spec.name}, got {head}",
            field=field,
        )


@dataclass(frozen=True)
class ShuffleParams:
    """grids: "4x4" each, rows by columns; empty is each model's own. seeds: one draw each."""

    models: Sequence[str]
    grids: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    top_k: int = 5
    include_images: bool = True

    def validate(self, specs: Specs) -> None:
        """Raise InvalidInput naming the field that is wrong."""
        models = _check_classifiers(self.models, specs, self.top_k)
        _check_seeds(self.seeds)
        _check_variants(
            len(models) * max(1, len(self.grids)) * len(self.seeds),
            include_images=self.include_images,
            field="grid",
        )
        for grid in self.grids:
            for spec in models:
                divided_area(spec, Grid.parse(grid))


@dataclass(frozen=True)
class AttentionParams:
    """layers: 0-based, negative from the end; heads: 0-based, empty for all of them.

    token: "cls" or "shape", whose attention to the patches is shown.
    method: "raw", one map a layer and head, or "rollout", one map a layer.
    """

    models: Sequence[str]
    layers: Sequence[int] = (-1,)
    heads: Sequence[int] = field(default_factory=tuple)
    token: str = "cls"
    method: str = "raw"

    def validate(self, specs: Specs) -> None:
        """Raise InvalidInput naming the field that is wrong."""
        models = _check_attending(self.models, specs, self.token)
        if self.method not in METHODS:
            raise InvalidInput(
                f"expected one of {', '.join(METHODS)}, got {self.method!r}", field="method"
            )
        if not self.layers:
            raise InvalidInput("expected at least one layer, got none", field="layer")
        maps = 0
        for spec in models:
            for layer in self.layers:
                if not -spec.depth <= layer < spec.depth:
                    raise InvalidInput(
                        f"expected a layer from {-spec.depth} to {spec.depth - 1}, the blocks of "
                        f"{spec.name}, got {layer}",
                        field="layer",
                    )
            for head in self.heads:
                check_head(spec, head, field="head")
            heads = len(set(self.heads)) or spec.heads
            maps += len(set(self.layers)) * (1 if self.method == "rollout" else heads)
        if maps > MAX_MAPS:
            raise InvalidInput(f"expected at most {MAX_MAPS} maps, got {maps}", field="layer")


@dataclass(frozen=True)
class SegmentParams:
    """threshold: the share of attention mass that is foreground; token: "cls" or "shape"."""

    models: Sequence[str]
    token: str = "cls"
    threshold: float = 0.9
    include_images: bool = True

    def validate(self, specs: Specs) -> None:
        """Raise InvalidInput naming the field that is wrong."""
        _check_attending(self.models, specs, self.token)
        if not (math.isfinite(self.threshold) and 0 < self.threshold <= 1):
            raise InvalidInput(
                f"expected a threshold above 0 and up to 1, got {self.threshold}",
                field="threshold",
            )
