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
    from torch import nn

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
        from ipvit.models.normaliser import Normaliser

        spec = find_spec(self._specs, request.model)
        model = self._model(spec)
        normalise = Normaliser(spec.preprocessing, device=torch.device("cpu"), dtype=torch.float32)
        query = request.attention
        layers, queries = (query.layers, query.queries) if query else ((), ("all",))
        with (
            torch.inference_mode(),
            AttentionCapture(model, layers=layers, queries=queries) as seen,
        ):
            logits = model(normalise(torch.from_numpy(request.images)))
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
