"""Every model this project knows, and the names of its classes. Importing this needs no torch."""

import functools
from importlib import resources
from pathlib import Path

from ipvit.models.catalogue.convolutional import CONVOLUTIONAL_MODELS
from ipvit.models.catalogue.deit import DEIT_MODELS
from ipvit.models.catalogue.pocket import POCKET_MODELS
from ipvit.models.catalogue.vit import VIT_MODELS
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.models.user_specs import load_user_specs
from ipvit.registry import Registry

__all__ = ["MODELS", "ModelSpec", "WeightsSource", "labels_of", "load_user_specs"]

MODELS: Registry[ModelSpec] = Registry(
    "model", (*POCKET_MODELS, *DEIT_MODELS, *VIT_MODELS, *CONVOLUTIONAL_MODELS)
)


@functools.cache
def _read_labels(labels: str) -> tuple[str, ...]:
    if labels in ("imagenet", "cifar10"):
        folder = resources.files("ipvit.models.labels")
        text = folder.joinpath(f"{labels}.txt").read_text(encoding="utf-8")
    else:
        text = Path(labels).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def labels_of(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the model's classes, by index; empty for a model without a head.

    Classes of a user's model that names no labels are called "class 0", "class 1", …
    """
    if spec.num_classes == 0:
        return ()
    if spec.labels is None:
        return tuple(f"class {index}" for index in range(spec.num_classes))
    return _read_labels(spec.labels)
