"""A user's own models, from the TOML file that `IPVIT_MODELS_FILE` names.

One table a model; only what differs from the defaults needs saying::

    [my_vit]
    architecture = "timm:vit_tiny_patch16_224"
    weights = "weights/my_vit.safetensors"    # or an https:// URL
    num_classes = 5
    labels = "my_labels.txt"                  # "imagenet", "cifar10", or one name a line
    input_px = 224
    patch_px = 16                             # leave out for a CNN
    prefix_tokens = 1
    depth = 12
    heads = 3

Paths are relative to the file. `.pth` files are read without running any code in them.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from ipvit.errors import InvalidInput
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import Preprocessing

__all__ = ["load_user_specs"]

_Check = Callable[[Any], bool]


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _numbers(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 3 and all(type(v) in (int, float) for v in value)
    )


def _tokens(value: Any) -> bool:
    return isinstance(value, list) and value in ([], ["cls"], ["cls", "shape"])


_FIELDS: Mapping[str, tuple[str, _Check]] = {
    "architecture": ('text such as "timm:vit_tiny_patch16_224"', _text),
    "weights": ("a path or an https:// URL", _text),
    "num_classes": ("a whole number, 0 for no head", _count),
    "title": ("text", _text),
    "options": ("a table of options of the architecture", _table),
    "labels": ('"imagenet", "cifar10" or a path', _text),
    "input_px": ("a positive whole number", _positive),
    "resize_px": ("a positive whole number", _positive),
    "patch_px": ("a positive whole number", _positive),
    "prefix_tokens": ("a whole number", _count),
    "depth": ("a whole number", _count),
    "heads": ("a whole number", _count),
    "fixed_head": ("a whole number", _count),
    "tokens": ('["cls"] or ["cls", "shape"]', _tokens),
    "mean": ("three numbers", _numbers),
    "std": ("three numbers", _numbers),
    "sha256_prefix": ("hexadecimal text", _text),
    "state_dict_key": ("text", _text),
    "licence": ("text", _text),
    "paper": ("text", _text),
    "note": ("text", _text),
}
_REQUIRED = ("architecture", "weights", "num_classes")


def load_user_specs(path: Path) -> tuple[ModelSpec, ...]:
    """The models described by the TOML file at `path`, in its order.

    Raises InvalidInput, naming file, model and key, for anything that is not as expected.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"models file {path}: cannot be read: {exc}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise InvalidInput(f"models file {path}: not TOML: {exc}") from exc
    return tuple(_spec(path, name, entry) for name, entry in document.items())


def _check(path: Path, name: str, entry: object) -> dict[str, Any]:
    where = f"models file {path}, model {name!r}"
    if not isinstance(entry, dict):
        raise InvalidInput(f"{where}: expected a table [{name}], got {entry!r}")
    for key, value in entry.items():
        if key not in _FIELDS:
            raise InvalidInput(f"{where}: unknown key {key!r}; expected {', '.join(_FIELDS)}")
        expected, is_valid = _FIELDS[key]
        if not is_valid(value):
            raise InvalidInput(f"{where}: expected {key} to be {expected}, got {value!r}")
    for key in _REQUIRED:
        if key not in entry:
            raise InvalidInput(f"{where}: expected the key {key!r}, which is missing")
    return entry


def _triple(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _preprocessing(entry: Mapping[str, Any], input_px: int) -> Preprocessing:
    return Preprocessing(
        resize_px=entry.get("resize_px", round(input_px * 256 / 224)),
        crop_px=input_px,
        mean=_triple(entry.get("mean", [0.485, 0.456, 0.406])),
        std=_triple(entry.get("std", [0.229, 0.224, 0.225])),
    )


def _weights(path: Path, entry: Mapping[str, Any]) -> WeightsSource:
    location = cast(str, entry["weights"])
    is_url = location.startswith(("https://", "http://"))
    return WeightsSource(
        source="url" if is_url else "file",
        licence=entry.get("licence", "the user's own"),
        url=location if is_url else None,
        file=None if is_url else str(path.parent / location),
        sha256_prefix=entry.get("sha256_prefix"),
        state_dict_key=entry.get("state_dict_key"),
    )


def _spec(path: Path, name: str, raw: object) -> ModelSpec:
    entry = _check(path, name, raw)
    labels = entry.get("labels")
    if labels is not None and labels not in ("imagenet", "cifar10"):
        labels = str(path.parent / labels)
        _check_labels(path, name, labels, entry["num_classes"])
    has_patches = "patch_px" in entry
    prefix_tokens = entry.get("prefix_tokens", 1 if has_patches else 0)
    input_px = entry.get("input_px", 224)
    spec = ModelSpec(
        name=name,
        title=entry.get("title", name),
        architecture=entry["architecture"],
        architecture_options=MappingProxyType(
            {"num_classes": entry["num_classes"]} | entry.get("options", {})
        ),
        family="custom",
        input_px=input_px,
        num_classes=entry["num_classes"],
        preprocessing=_preprocessing(entry, input_px),
        weights=_weights(path, entry),
        paper=entry.get("paper", ""),
        labels=labels if entry["num_classes"] else None,
        patch_px=entry.get("patch_px"),
        prefix_tokens=prefix_tokens,
        depth=entry.get("depth", 0),
        heads=entry.get("heads", 0),
        tokens=tuple(entry.get("tokens", ["cls"] if prefix_tokens else [])),
        fixed_head=entry.get("fixed_head", 0),
        note=entry.get("note", ""),
    )
    _check_consistent(path, spec)
    return spec


def _check_labels(path: Path, name: str, labels: str, num_classes: int) -> None:
    try:
        count = len(Path(labels).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"models file {path}, model {name!r}: labels: {exc}") from exc
    if count != num_classes:
        raise InvalidInput(
            f"models file {path}, model {name!r}: expected {num_classes} labels in {labels}, "
            f"got {count}"
        )


def _check_consistent(path: Path, spec: ModelSpec) -> None:
    where = f"models file {path}, model {spec.name!r}"
    if spec.patch_px is not None and spec.patch_px > spec.input_px:
        raise InvalidInput(
            f"{where}: expected patch_px of at most {spec.input_px}, got {spec.patch_px}"
        )
    if len(spec.tokens) > spec.prefix_tokens:
        raise InvalidInput(
            f"{where}: expected at most prefix_tokens = {spec.prefix_tokens} tokens, "
            f"got {len(spec.tokens)}"
        )
    if spec.has_attention and not 0 <= spec.fixed_head < spec.heads:
        raise InvalidInput(
            f"{where}: expected heads, and fixed_head below it, got heads = {spec.heads} and "
            f"fixed_head = {spec.fixed_head}"
        )
