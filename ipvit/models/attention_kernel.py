"""Which attention kernel is the fastest where a network runs."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from ipvit.models.model_spec import ModelSpec
from ipvit.models.precision import Precision

__all__ = ["choose_attention_kernel"]

MAX_EXPLICIT_TOKENS = 400


def choose_attention_kernel(
    module: nn.Module, spec: ModelSpec, *, precision: Precision, device: str
) -> None:
    """Turn timm's fused attention off, in place, where it is the slower one.

    In bf16 on a CPU, where the matrix of weights is small, the fused kernel takes 6 to 11 % longer
    for a whole DeiT forward pass (in fp32 it is the faster one), and the logits are as close to
    fp32 either way.
    """
    if precision != "bf16" or device != "cpu":
        return
    if spec.patch_px and spec.grid.cells <= MAX_EXPLICIT_TOKENS:
        parts: Iterator[Any] = module.modules()
        for part in parts:
            if hasattr(part, "fused_attn"):
                part.fused_attn = False
