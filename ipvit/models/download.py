"""Fetch a model's weights once: resumed, hash-checked, converted to safetensors, whole or not.

What is half-way lies beside the target: `.part` is the file as far as it came, `.validator` names
the version it belongs to, `.lock` lets one process work at a time. The target appears by a rename
after everything has been checked, so that nobody ever loads half a file.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from ipvit.errors import WeightsCorrupt, WeightsUnavailable
from ipvit.models.model_spec import ModelSpec
from ipvit.models.resumable import Progress, fetch
from ipvit.models.weights_files import sha256_of, weights_path

__all__ = ["Progress", "pull"]


def pull(
    spec: ModelSpec,
    cache_dir: Path,
    progress: Progress | None = None,
    *,
    pause_s: Callable[[int], float] = lambda attempt: 0.5 * 2**attempt,
) -> Path:
    """Make the weights of `spec` ready in `cache_dir` and return their file.

    progress: called with (bytes there, bytes in all or None) as the download goes on.
    pause_s: how long to wait before the next attempt, given how many have failed in a row.
    Does nothing if they are ready. An interrupted download goes on where it stopped, in this
    call or in the next one. Raises WeightsUnavailable if the file cannot be had and
    WeightsCorrupt if it is not what was expected (then it is removed).
    """
    target = weights_path(spec, cache_dir)
    if spec.weights.source != "url" or spec.weights.url is None or target is None:
        raise WeightsUnavailable(
            f"model {spec.name!r} is not fetched from anywhere: "
            f"its weights are {spec.weights.source}"
        )
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        if target.is_file():
            return target
        part = target.with_suffix(".part")
        with httpx.Client(follow_redirects=True, timeout=30) as client:
            stated = fetch(client, spec.weights.url, part, progress, pause_s)
        digest = sha256_of(part)
        try:
            _check_digest(spec, digest, stated)
            _convert(spec, part, target, digest)
        except WeightsCorrupt:
            part.unlink()
            raise
        part.unlink()
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; freed by the system if this process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_digest(spec: ModelSpec, digest: str, stated: str | None) -> None:
    for expected in (spec.weights.sha256_prefix, stated):
        if expected is not None and not digest.startswith(expected.lower()):
            raise WeightsCorrupt(
                f"the file for model {spec.name!r} from {spec.weights.url} has a wrong hash: "
                f"expected SHA-256 {expected}…, got {digest}"
            )


def _convert(spec: ModelSpec, part: Path, target: Path, digest: str) -> None:
    """Write the network's state dict, as loaded from the checkpoint, to `target`."""
    from safetensors.torch import save_file

    from ipvit.models.conversion import fit_state_dict, read_state_dict
    from ipvit.models.loading import build_model

    is_safetensors = urlsplit(str(spec.weights.url)).path.endswith(".safetensors")
    state_dict = read_state_dict(part, spec.weights, is_safetensors=is_safetensors)
    network = build_model(spec)
    fit_state_dict(network, state_dict, name=spec.name)
    unfinished = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(
            {key: value.contiguous() for key, value in network.state_dict().items()},
            unfinished,
            metadata={"model": spec.name, "url": str(spec.weights.url), "source_sha256": digest},
        )
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
