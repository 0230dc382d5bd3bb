"""Checkpoints written whole or not at all, and the weights read from them."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

__all__ = ["load_checkpoint", "save_checkpoint", "save_weights"]


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, flush to disk, then rename over it."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of this project; tensors and plain values only."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def save_weights(path: Path, state: dict[str, Tensor], dtype: torch.dtype = torch.float16) -> None:
    """Write a state dict as safetensors, floating-point tensors in `dtype`, atomically."""
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().cpu()
        for name, value in state.items()
    }
    partial = path.with_suffix(".part")
    save_file(tensors, partial)
    partial.replace(path)
