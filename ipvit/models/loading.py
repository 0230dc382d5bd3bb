"""Build a model and load its weights: strictly, from this machine only, never random by accident.

Importing this needs no torch; building does.
"""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ipvit.models.model_spec import ModelSpec
from ipvit.models.weights_files import is_ready, model_digest, require_weights, weights_path

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["build_model", "is_ready", "load_model", "model_digest", "weights_path"]


def build_model(spec: ModelSpec) -> "nn.Module":
    """The model's network with fresh random weights, the same in every process.

    The caller's random state is left as it was.
    """
    import torch

    from ipvit.models.architectures import build_architecture

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(spec.name.encode()))
        return build_architecture(spec.architecture, **spec.architecture_options)


def load_model(
    spec: ModelSpec,
    *,
    cache_dir: Path,
    device: str = "cpu",
    dtype: "torch.dtype | None" = None,
) -> "nn.Module":
    """The model with its weights, on `device`, in evaluation mode.

    dtype: of the parameters; None is float32, whatever the file holds.
    Raises WeightsUnavailable, with the command that fetches them, if the weights are not on this
    machine, and WeightsCorrupt if they do not fit the architecture in every key and shape.
    """
    from ipvit.models.conversion import fit_state_dict, read_state_dict

    path = require_weights(spec, cache_dir)
    network = build_model(spec)
    if path is not None:
        # Only a user's own file is still as its maker wrote it.
        origin = spec.weights if spec.weights.source == "file" else None
        state_dict = read_state_dict(path, origin, is_safetensors=path.suffix == ".safetensors")
        fit_state_dict(network, state_dict, name=spec.name)
    return network.to(device=device, dtype=dtype).eval()
