"""Build a network from the name of its architecture, without weights.

`timm:<id>` and `torchvision:<id>` name architectures of those libraries, `ipvit:<id>` ours.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ipvit.errors import UnknownName
from ipvit.models import torchvision_import  # noqa: F401  (must precede timm and torchvision)


def _build_timm(name: str, **options: Any) -> nn.Module:
    import timm

    if not timm.is_model(name):
        raise UnknownName("timm architecture", name, timm.list_models())
    model: nn.Module = timm.create_model(name, pretrained=False, **options)
    return model


def _build_torchvision(name: str, **options: Any) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UnknownName("torchvision architecture", name, known)
    model: nn.Module = models.get_model(name, weights=None, **options)
    return model


def _build_ours(name: str, **options: Any) -> nn.Module:
    from ipvit.models.pocket_cnn import PocketCNN

    known: Mapping[str, Callable[..., nn.Module]] = {"pocket_cnn": PocketCNN}
    if name not in known:
        raise UnknownName("ipvit architecture", name, known)
    return known[name](**options)


_LIBRARIES: Mapping[str, Callable[..., nn.Module]] = {
    "timm": _build_timm,
    "torchvision": _build_torchvision,
    "ipvit": _build_ours,
}


def build_architecture(architecture: str, **options: Any) -> nn.Module:
    """The network `architecture` ("timm:deit_small_patch16_224"), freshly initialised.

    Raises UnknownName if the library or the architecture does not exist.
    """
    library, _, name = architecture.partition(":")
    if library not in _LIBRARIES:
        raise UnknownName("architecture library", library, _LIBRARIES)
    return _LIBRARIES[library](name, **options)
