"""The JSON card written beside every trained model."""

import dataclasses
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ipvit.training.recipes import Recipe

__all__ = ["model_card", "write_card"]

_PACKAGES = ("torch", "timm", "lightning-fabric", "safetensors", "numpy", "pillow")


def model_card(
    recipe: Recipe,
    *,
    classes: tuple[str, ...],
    fingerprints: Mapping[str, str],
    seed: int,
    accuracy: Mapping[str, float],
    seconds: float,
    command: str,
    device: str,
    precision: str,
    parameters: int,
    weights_sha256: str,
    teacher_sha256: str | None,
    initial_sha256: str | None,
) -> dict[str, Any]:
    """All that is needed to judge the weights, and to train them again."""
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "recipe": _plain(recipe),
        "classes": list(classes),
        "data_fingerprints": dict(fingerprints),
        "seed": seed,
        "epochs": recipe.epochs,
        "test_accuracy": {token: round(value, 4) for token, value in accuracy.items()},
        "training_seconds": round(seconds, 1),
        "device": device,
        "precision": precision,
        "machine": f"{platform.system()} {platform.machine()}",
        "parameters": parameters,
        "weights_sha256": weights_sha256,
        "teacher_sha256": teacher_sha256,
        "initial_sha256": initial_sha256,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card as indented JSON, atomically."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(card, indent=2) + "\n")
    partial.replace(path)


def _plain(value: Any) -> Any:
    """Dataclasses and mappings to dicts, tuples to lists, all the way down."""
    if dataclasses.is_dataclass(value):
        return {
            entry.name: _plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    return value
