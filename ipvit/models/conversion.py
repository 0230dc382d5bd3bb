"""Checkpoints of others as this project's weights: read safely, renamed, checked against a network.

Key names are timm's or torchvision's. What differs is documented in the model's `WeightsSource`
(`renamed_keys`, `ignored_keys`); beyond that a state dict fits exactly or is refused.
"""

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ipvit.errors import WeightsCorrupt
from ipvit.models.model_spec import WeightsSource

__all__ = ["fit_state_dict", "read_state_dict", "rename_keys"]

StateDict = dict[str, Tensor]

_LISTED_KEYS = 3

# Once for the process: torch's context manager for this is not safe among threads.
torch.serialization.add_safe_globals([argparse.Namespace])

# Malformed pickles fail in the unpickler wherever they happen to lead it.
_UNREADABLE = (
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
)


def read_state_dict(path: Path, source: WeightsSource | None, *, is_safetensors: bool) -> StateDict:
    """The state dict in a checkpoint, its keys renamed as `source` says; as it is without one.

    A `.pth` file is unpickled with `weights_only=True`: no code in it runs. Training scripts
    leave their options beside the weights, so plain `argparse.Namespace` is let through.
    Raises WeightsCorrupt if the file cannot be read or holds no state dict where expected.
    """
    try:
        if is_safetensors:
            checkpoint: object = load_file(path)
        else:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as exc:
        reason, *_ = str(exc).splitlines() or [type(exc).__name__]
        raise WeightsCorrupt(
            f"expected weights, got a file that cannot be read: {path.name}: {reason}"
        ) from exc
    if source is not None and source.state_dict_key is not None:
        checkpoint = _entry(checkpoint, source.state_dict_key, path)
    if not isinstance(checkpoint, Mapping) or not all(
        isinstance(value, Tensor) for value in checkpoint.values()
    ):
        raise WeightsCorrupt(f"expected a state dict in {path.name}, got {_describe(checkpoint)}")
    return dict(checkpoint) if source is None else rename_keys(checkpoint, source)


def _entry(checkpoint: object, key: str, path: Path) -> object:
    if not isinstance(checkpoint, Mapping) or key not in checkpoint:
        raise WeightsCorrupt(
            f"expected the entry {key!r} in {path.name}, got {_describe(checkpoint)}"
        )
    return checkpoint[key]


def _describe(checkpoint: object) -> str:
    if isinstance(checkpoint, Mapping):
        return f"the entries {_list([str(key) for key in checkpoint])}"
    return type(checkpoint).__name__


def rename_keys(state_dict: Mapping[str, Tensor], source: WeightsSource) -> StateDict:
    """The same tensors under the names the architecture knows them by, less what it ignores."""
    renamed: StateDict = {}
    for old_key, value in state_dict.items():
        key = old_key
        for pattern, replacement in source.renamed_keys:
            key = re.sub(pattern, replacement, key)
        if key not in source.ignored_keys:
            renamed[key] = value
    return renamed


def fit_state_dict(network: nn.Module, state_dict: StateDict, *, name: str) -> None:
    """Load `state_dict` into `network`, which must match in every key and shape.

    Batch normalisation's update counters, absent from old checkpoints, start at 0.
    Raises WeightsCorrupt that says what is missing, unknown or of another shape.
    """
    expected = network.state_dict()
    missing = [
        key
        for key in expected
        if key not in state_dict and not key.endswith(".num_batches_tracked")
    ]
    unknown = [key for key in state_dict if key not in expected]
    shapes = [
        f"{key} expected {tuple(expected[key].shape)} got {tuple(value.shape)}"
        for key, value in state_dict.items()
        if key in expected and expected[key].shape != value.shape
    ]
    faults = [
        f"{len(found)} {what}: {_list(found)}"
        for what, found in (("missing", missing), ("unknown", unknown), ("misshapen", shapes))
        if found
    ]
    if faults:
        raise WeightsCorrupt(
            f"the weights do not fit the architecture of {name}; {'; '.join(faults)}"
        )
    network.load_state_dict(state_dict, strict=True)


def _list(items: list[str]) -> str:
    rest = len(items) - _LISTED_KEYS
    return ", ".join(items[:_LISTED_KEYS]) + (f" and {rest} more" if rest > 0 else "")
