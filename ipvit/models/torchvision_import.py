"""Import torchvision also where its C++ operators cannot load.

The torchvision wheel built for CUDA, beside a CPU build of torch, fails at import because the
schema of `torchvision::nms` is unknown. This project uses transforms and architectures, never
those operators, so their schemas are declared, without an implementation, only where the real
library cannot be loaded. Import this module before torchvision or timm.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _operators_load() -> bool:
    """Whether torchvision's operator library loads beside this torch."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    for library in Path(package.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            return False
    return hasattr(torch.ops.torchvision, "nms")


# The library object must outlive the import, or its schemas are withdrawn.
_declared: torch.library.Library | None = None


def ensure_importable() -> None:
    """Make `import torchvision` work; does nothing where it already does."""
    global _declared
    if _declared is not None or _operators_load():
        return
    _declared = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        _declared.define(schema)


ensure_importable()
