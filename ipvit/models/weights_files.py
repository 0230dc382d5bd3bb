"""Where a model's weights lie on this machine. Torch-free, so that pages can say what is ready."""

import functools
import hashlib
from pathlib import Path

from ipvit.errors import WeightsUnavailable
from ipvit.models.model_spec import ModelSpec

__all__ = ["is_ready", "model_digest", "require_weights", "sha256_of", "weights_path"]

PACKAGED_WEIGHTS = Path(__file__).parent / "weights"
"""The pocket models' weights, which ship inside the package."""


def weights_path(spec: ModelSpec, cache_dir: Path) -> Path | None:
    """The file a model is loaded from, there or not; None for random weights.

    Downloaded weights are kept by name and URL, so that a changed URL is fetched anew.
    """
    source = spec.weights
    if source.source == "packaged":
        return PACKAGED_WEIGHTS / str(source.file)
    if source.source == "file":
        return Path(str(source.file))
    if source.source == "url":
        origin = hashlib.sha256(str(source.url).encode()).hexdigest()[:8]
        return cache_dir / "models" / f"{spec.name}-{origin}.safetensors"
    return None


def is_ready(spec: ModelSpec, cache_dir: Path) -> bool:
    """Whether the model can be loaded without fetching anything."""
    path = weights_path(spec, cache_dir)
    return path is None or path.is_file()


def require_weights(spec: ModelSpec, cache_dir: Path) -> Path | None:
    """As `weights_path`; raises WeightsUnavailable, with the remedy, if the file is not there."""
    path = weights_path(spec, cache_dir)
    if path is None or path.is_file():
        return path
    remedy = {
        "url": f"fetch them with: {spec.pull_command}",
        "packaged": "this installation is incomplete",
        "file": "the models file names it",
    }[spec.weights.source]
    raise WeightsUnavailable(f"no weights of model {spec.name!r} at {path}; {remedy}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _digest(path: Path, _modified_ns: int, _size: int) -> str:
    return sha256_of(path)


def model_digest(spec: ModelSpec, cache_dir: Path) -> str:
    """The SHA-256 of the weights file; "random" for random weights.

    Raises WeightsUnavailable if the file is not there.
    """
    path = require_weights(spec, cache_dir)
    if path is None:
        return "random"
    status = path.stat()
    return _digest(path, status.st_mtime_ns, status.st_size)
