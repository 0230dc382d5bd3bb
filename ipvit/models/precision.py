"""The number format a network computes in.

`auto` means bf16 where the hardware multiplies it natively and fp32 elsewhere. In bf16 the weights
are kept in bf16 once (half the memory, and no cast at each forward, which autocast would do); the
softmax of the attention and the normalisation layers compute in fp32 inside their kernels, and the
classifier stays in fp32, because bf16 logits (8 bits) tie and quantise the probabilities.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn

Precision = Literal["fp32", "bf16"]
PRECISIONS = ("auto", "fp32", "bf16")
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "avx10_2"})
_CPU_FLAGS = Path("/proc/cpuinfo")


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction set flags of this CPU, lower case; empty where the system does not tell."""
    try:
        lines = _CPU_FLAGS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    return frozenset(
        flag
        for key, _, flags in named
        if key.strip().lower() in {"flags", "features"}
        for flag in flags.lower().split()
    )


def multiplies_bf16(device: str) -> bool:
    """Whether `device` multiplies bf16 matrices in hardware (emulation is slower than fp32)."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and bool(_BF16_FLAGS & cpu_flags())


def choose_precision(requested: str, device: str) -> Precision:
    """Settle "auto"; raises ValueError for a precision that does not exist."""
    if requested not in PRECISIONS:
        raise ValueError(f"expected precision {', '.join(PRECISIONS)}; got {requested!r}")
    if requested == "auto":
        return "bf16" if multiplies_bf16(device) else "fp32"
    return cast(Precision, requested)


def convert(network: nn.Module, precision: Precision) -> nn.Module:
    """`network` in place in `precision`, with its classifiers in fp32 either way."""
    if precision == "fp32":
        return network.float()
    network.to(DTYPES[precision])
    for classifier in _classifiers(network):
        classifier.float()
        classifier.register_forward_pre_hook(_inputs_to_fp32)
    return network


def _classifiers(network: nn.Module) -> tuple[nn.Module, ...]:
    """The last layers as timm names them; of a network that does not say, the last with weights.

    Of torchvision's networks that is the linear layer that gives the logits, or SqueezeNet's last
    convolution.
    """
    get_classifier = getattr(network, "get_classifier", None)
    if callable(get_classifier):
        found: Any = get_classifier()
        layers = found if isinstance(found, nn.ModuleList | tuple | list) else (found,)
        return tuple(layer for layer in layers if isinstance(layer, nn.Module))
    with_weights = [part for part in network.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    return tuple(with_weights[-1:])


def _inputs_to_fp32(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return tuple(tensor.float() for tensor in inputs)
