"""`GET /models`: what this server knows and what can run on it."""

import json
from importlib import resources
from typing import Any

from fastapi import APIRouter

from app.deps import ServicesDep
from app.schemas.service import ModelFacts, ModelList
from ipvit.models.specs import ModelSpec

router = APIRouter(tags=["service"])


@router.get("/models", summary="List the models")
def models(services: ServicesDep) -> ModelList:
    """List every model, whether its weights are here, and the command that fetches them."""
    catalogue = services.catalogue
    loaded = services.backend.loaded()
    return ModelList(
        default=catalogue.default_models(),
        saliency_default=catalogue.default_saliency_model(),
        models=[
            _facts(spec, ready=catalogue.is_ready(spec.name), loaded=spec.name in loaded)
            for spec in catalogue.specs.values()
        ],
    )


def _facts(spec: ModelSpec, *, ready: bool, loaded: bool) -> ModelFacts:
    return ModelFacts(
        name=spec.name,
        title=spec.title,
        architecture=spec.architecture,
        family=spec.family,
        input_px=spec.input_px,
        patch_px=spec.patch_px,
        grid=str(spec.grid),
        depth=spec.depth,
        heads=spec.heads,
        tokens=list(spec.tokens),
        prefix_tokens=spec.prefix_tokens,
        num_classes=spec.num_classes,
        labels=spec.labels if spec.labels in (None, "imagenet", "cifar10") else "custom",
        preprocessing=spec.preprocessing.describe(),
        resize_px=spec.preprocessing.resize_px,
        crop_px=spec.preprocessing.crop_px,
        squash=spec.preprocessing.squash,
        paper=spec.paper,
        note=spec.note,
        licence=spec.weights.licence,
        ready=ready,
        loaded=loaded,
        pull=None if ready else spec.pull_command,
        card=_card(spec),
    )


def _card(spec: ModelSpec) -> dict[str, Any] | None:
    """The training record beside a shipped model's weights."""
    if spec.weights.source != "packaged":
        return None
    card = resources.files("ipvit.models.weights").joinpath(f"{spec.name}.json")
    if not card.is_file():
        return None
    record: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    return record
