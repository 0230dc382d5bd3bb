"""One loaded model, ready to run on any lane.

Images arrive as uint8 and are normalised here, after perturbation: (x / 255 - mean) / std is one
multiply-add. Attention capture hooks modules, and a hook must see only the forward pass it was set
for: each lane has a replica of its own for that, which shares the parameters.
"""

import copy
import math
import time
from collections.abc import Callable
from threading import Lock

import numpy as np
import torch
from torch import nn

from ipvit.analyses.forward import AttentionQuery, ForwardResult
from ipvit.models.attention_kernel import choose_attention_kernel
from ipvit.models.cpu_layout import lay_out_for_cpu
from ipvit.models.last_block import narrow_last_block
from ipvit.models.model_spec import ModelSpec
from ipvit.models.normaliser import Normaliser
from ipvit.models.precision import DTYPES, Precision, convert
from workers.scripting import Run, without_interpreter

Load = Callable[[ModelSpec], nn.Module]

WORTH_SPREADING_S = 0.008


class _Classifier(nn.Module):
    """From uint8 images (n, 3, H, W) to float32 logits."""

    def __init__(self, normalise: Normaliser, network: nn.Module) -> None:
        super().__init__()
        self.normalise = normalise
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise, run the network, and widen."""
        logits: torch.Tensor = self.network(self.normalise(images))
        return logits.float()


class Network:
    """A model's weights on `device` in `precision`, with one replica for each lane."""

    def __init__(
        self, spec: ModelSpec, module: nn.Module, *, device: str, precision: Precision
    ) -> None:
        self.spec = spec
        self.precision = precision
        self._device = torch.device(device)
        self._dtype = DTYPES[precision]
        self._module = narrow_last_block(convert(module.eval(), precision).to(self._device))
        choose_attention_kernel(self._module, spec, precision=precision, device=self._device.type)
        if self._device.type == "cpu":
            lay_out_for_cpu(self._module, spec.input_px)
        self._seconds_an_image = math.inf
        self._replicas: dict[int, nn.Module] = {}
        self._copying = Lock()
        self._normalise = Normaliser(spec.preprocessing, device=self._device, dtype=self._dtype)
        classifier = _Classifier(self._normalise, self._module).eval()
        self._classify: Run = classifier
        if self._device.type == "cpu":
            side_px = spec.input_px
            pattern = torch.arange(3 * side_px**2).to(torch.uint8).view(3, side_px, side_px)
            self._classify = without_interpreter(classifier, pattern)

    def forward(
        self, images: np.ndarray, attention: AttentionQuery | None, *, lane: int
    ) -> ForwardResult:
        """Logits and attention of `images`, uint8 (n, 3, H, W); one call at a time for a lane."""
        maps: dict[int, torch.Tensor] = {}
        with torch.inference_mode():
            pixels = torch.from_numpy(images).to(self._device)
            if attention is None:
                logits = self._classify(pixels)
            else:
                logits, maps = self._capture(
                    self._replica(lane), self._normalise(pixels), attention
                )
        return ForwardResult(
            logits=_to_numpy(logits),
            attention={layer: _to_numpy(rows) for layer, rows in maps.items()},
            precision=self.precision,
        )

    def warm(self, lane: int) -> None:
        """Run a first forward pass, so that no caller pays for kernel selection."""
        self._replica(lane)
        side_px = self.spec.input_px
        started_s = time.perf_counter()
        self.forward(np.zeros((1, 3, side_px, side_px), np.uint8), None, lane=lane)
        self._seconds_an_image = min(self._seconds_an_image, time.perf_counter() - started_s)

    def gains_from_threads(self, images: int) -> bool:
        """Whether a batch is work enough for several threads; to wake them takes time, too."""
        return images * self._seconds_an_image >= WORTH_SPREADING_S

    def _capture(
        self, module: nn.Module, pixels: torch.Tensor, attention: AttentionQuery
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        from ipvit.attention.capture import AttentionCapture

        with AttentionCapture(module, layers=attention.layers, queries=attention.queries) as seen:
            logits = module(pixels)
        return logits, dict(seen.maps)

    def _replica(self, lane: int) -> nn.Module:
        if lane not in self._replicas:
            with self._copying:
                tensors = [*self._module.parameters(), *self._module.buffers()]
                shared = {id(tensor): tensor for tensor in tensors}
                self._replicas[lane] = copy.deepcopy(self._module, shared)
        return self._replicas[lane]


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.float().cpu().numpy()
    return array
