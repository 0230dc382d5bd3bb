"""Small relatives of the registry's models: same architecture, fewer and narrower blocks."""

from dataclasses import replace
from types import MappingProxyType

from ipvit.models.model_spec import ModelSpec, WeightsSource

RANDOM = WeightsSource("random", "none")


def tiny(spec: ModelSpec, **changes: object) -> ModelSpec:
    """`spec` with random weights, and at most 2 blocks of 3 narrow heads if it has attention."""
    if spec.has_attention and spec.input_px > 64:
        heads = min(spec.heads, 3)
        options = dict(spec.architecture_options)
        options |= {"depth": 2, "embed_dim": 16 * heads, "num_heads": heads}
        spec = replace(
            spec,
            architecture_options=MappingProxyType(options),
            depth=2,
            heads=heads,
            fixed_head=min(spec.fixed_head, heads - 1),
        )
    return replace(spec, weights=RANDOM, **changes)
