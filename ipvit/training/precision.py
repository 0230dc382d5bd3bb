"""Which arithmetic a device multiplies natively."""

from typing import Literal

import torch

from ipvit.errors import InvalidInput

__all__ = ["FabricPrecision", "fabric_precision"]

FabricPrecision = Literal["32-true", "bf16-mixed"]
_NATIVE_FLAGS = ("avx512_bf16", "amx_bf16")


def fabric_precision(requested: str, accelerator: str) -> FabricPrecision:
    """Fabric's name for "fp32", "bf16" or "auto" (bf16 where it is native).

    Raises InvalidInput for any other name.
    """
    if requested not in ("fp32", "bf16", "auto"):
        raise InvalidInput(
            f"expected precision fp32, bf16 or auto, got {requested!r}", field="precision"
        )
    if requested == "auto":
        requested = "bf16" if _multiplies_bf16(accelerator) else "fp32"
    return "bf16-mixed" if requested == "bf16" else "32-true"


def _multiplies_bf16(accelerator: str) -> bool:
    if accelerator == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(bool(capabilities.get(flag, False)) for flag in _NATIVE_FLAGS)
    return False
