"""Run networks in this thread, one request at a time: for the command line, scripts and tests.

The server's batcher lives in `workers`; both implement `ipvit.analyses.forward.Forward`.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from ipvit.analyses.forward import ForwardRequest, ForwardResult, find_spec
from ipvit.models.model_spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["DirectForward"]


class DirectForward:
    """Forward passes in float32 on the CPU; a model is loaded when first asked for.

    load: makes a model from its spec, in evaluation mode; by default `load_model` from
        `cache_dir`.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        *,
        cache_dir: Path,
        load: "Callable[[ModelSpec], nn.Module] | None" = None,
    ) -> None:
        self._specs = specs
        self._cache_dir = cache_dir
        self._load = load or self._load_from_disk
        self._models: dict[str, nn.Module] = {}

    def submit(self, request: ForwardRequest) -> "Future[ForwardResult]":
        """Compute `request` now; the future returned is done. Raises what computing raises."""
        future: Future[ForwardResult] = Future()
        future.set_result(self._run(request))
        return future

    def _run(self, request: ForwardRequest) -> ForwardResult:
        import torch

        from ipvit.attention.capture import AttentionCapture

        spec = find_spec(self._specs, request.model)
        model = self._model(spec)
        query = request.attention
        layers, queries = (query.layers, query.queries) if query else ((), ("all",))
        with (
            torch.inference_mode(),
            AttentionCapture(model, layers=layers, queries=queries) as seen,
        ):
            logits = model(_normalise(request, spec))
        return ForwardResult(
            logits=logits.numpy(),
            attention={layer: rows.numpy() for layer, rows in seen.maps.items()},
            precision="fp32",
        )

    def _model(self, spec: ModelSpec) -> "nn.Module":
        if spec.name not in self._models:
            self._models[spec.name] = self._load(spec)
        return self._models[spec.name]

    def _load_from_disk(self, spec: ModelSpec) -> "nn.Module":
        from ipvit.models.loading import load_model

        return load_model(spec, cache_dir=self._cache_dir)


def _normalise(request: ForwardRequest, spec: ModelSpec) -> "Tensor":
    """Scale to [0, 1] and normalise, after any perturbation: (n, 3, H, W) float32."""
    import torch

    mean = torch.tensor(spec.preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(spec.preprocessing.std).view(1, 3, 1, 1)
    return (torch.from_numpy(request.images).float() / 255 - mean) / std
