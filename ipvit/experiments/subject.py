"""The model under test, as experiments run it: perturb uint8 images, then normalise and forward.

Images are in [0, 255] until the perturbation is done, so that a dropped pixel is 0 before
normalisation (Naseer et al. 2021, §3.1). Every forward pass asks the pace first; how the images
are cut into forward passes changes nothing but rounding.

On a CPU a forward pass is small, so that what it works on stays in the caches (with 64 photos
instead of 16 a DeiT-T in bf16 is a quarter slower), and each core takes a part of it by itself, so
that cores do not wait for each other at every layer.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ipvit.experiments.pace import Pace, SteadyPace, Stopped
from ipvit.models.attention_kernel import choose_attention_kernel
from ipvit.models.cpu_layout import lay_out_for_cpu
from ipvit.models.last_block import narrow_last_block
from ipvit.models.loading import build_model, load_model
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.models.normaliser import Normaliser
from ipvit.models.precision import DTYPES, Precision, choose_precision, convert

__all__ = ["Pace", "SteadyPace", "Stopped", "Subject"]

Array = npt.NDArray[np.float32]

CORE_PX = 8 * 224**2
"""Pixels that a core of a CPU takes at a time: 8 photos, or many small images."""


class Subject:
    """A loaded model in evaluation mode.

    normalise: uint8 images on `device` as the module reads them.
    module: in `precision`, on `device`; hooks may be set on it where `run` gets a `forward`.
    pace: asked before every forward pass; may be exchanged between evaluations.
    """

    def __init__(
        self,
        spec: ModelSpec,
        module: nn.Module,
        *,
        precision: Precision = "fp32",
        device: str = "cpu",
        pace: Pace | None = None,
    ) -> None:
        self.spec = spec
        self.precision = precision
        self.device = torch.device(device)
        self.module_dtype = DTYPES[precision]
        self.pace: Pace = pace or SteadyPace()
        self.module = convert(module.eval(), precision).to(self.device)
        choose_attention_kernel(self.module, spec, precision=precision, device=self.device.type)
        if self.device.type == "cpu":
            lay_out_for_cpu(self.module, spec.input_px)
        self._classifier = narrow_last_block(self.module)
        self.normalise = Normaliser(spec.preprocessing, device=self.device, dtype=self.module_dtype)
        self._untrained: Subject | None = None
        self._cores: ThreadPoolExecutor | None = None

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        cache_dir: Path,
        *,
        precision: str = "auto",
        device: str = "cpu",
        pace: Pace | None = None,
    ) -> Self:
        """The model with its weights; raises WeightsUnavailable if they are not here."""
        settled = choose_precision(precision, device)
        module = load_model(spec, cache_dir=cache_dir)
        return cls(spec, module, precision=settled, device=device, pace=pace)

    def untrained(self) -> "Subject":
        """The same network with fresh random weights, the same in every process; built once."""
        if self._untrained is None:
            spec = replace(self.spec, weights=WeightsSource("random", "none"))
            self._untrained = Subject(
                spec, build_model(spec), precision=self.precision, device=str(self.device)
            )
        self._untrained.pace = self.pace
        return self._untrained

    def to_device(self, images: npt.NDArray[np.uint8]) -> Tensor:
        """(n, 3, H, W) uint8 where the model runs; on a CPU it shares the array's memory."""
        # torch warns of memory that must not be written, such as a file's.
        writable = images if images.flags.writeable else images.copy()
        return torch.from_numpy(writable).to(self.device)

    @overload
    def run(self, images: Tensor) -> Array: ...
    @overload
    def run(self, images: Tensor, forward: Callable[[Tensor], Tensor]) -> Array: ...
    @overload
    def run(
        self, images: Tensor, forward: Callable[[Tensor], Mapping[str, Tensor]]
    ) -> dict[str, Array]: ...
    def run(self, images: Tensor, forward: Callable[[Tensor], Any] | None = None) -> Any:
        """Normalise perturbed images and pass them through `forward` in batches.

        images: (n, 3, H, W) uint8 on the device, n at least 1, not normalised.
        forward: gets normalised (b, 3, H, W) in the module's dtype, returns a tensor (b, …) or
            several by name; called once for each forward pass, in order. None computes the
            module's answer, without what its head does not read, on several threads.
        Returns the answers of all n, (n, …) float32 in memory of the CPU.
        Raises what `pace.next_batch` raises.
        """
        answers: list[Any] = []
        start = 0
        while start < len(images):
            most = min(len(images) - start, self._most_images(images))
            stop = start + self.pace.next_batch(most)
            answers.append(self._pass(images[start:stop], forward))
            start = stop
        return _concatenate(answers)

    def logits(self, images: Tensor) -> Array:
        """(n, classes) of (n, 3, H, W) uint8 on the device; the mean of two heads."""
        return self.run(images)

    def _most_images(self, images: Tensor) -> int:
        """In a forward pass."""
        if self.device.type != "cpu":
            return len(images)
        px = images.shape[-2] * images.shape[-1]
        return max(1, torch.get_num_threads() * CORE_PX // px)

    def _pass(self, images: Tensor, forward: Callable[[Tensor], Any] | None) -> Any:
        parts = min(torch.get_num_threads(), len(images))
        if forward is not None or self.device.type != "cpu" or parts < 2:
            return self._call(forward or self._classifier, images)
        if self._cores is None:
            self._cores = ThreadPoolExecutor(
                torch.get_num_threads(), "forward", torch.set_num_threads, (1,)
            )
        calls = [
            self._cores.submit(self._call, self._classifier, part)
            for part in images.tensor_split(parts)
        ]
        return _concatenate([call.result() for call in calls])

    def _call(self, forward: Callable[[Tensor], Any], images: Tensor) -> Any:
        with torch.inference_mode():
            return _to_numpy(forward(self.normalise(images)))


def _to_numpy(answer: Any) -> Any:
    if isinstance(answer, Tensor):
        return answer.float().cpu().numpy()
    return {name: _to_numpy(tensor) for name, tensor in answer.items()}


def _concatenate(answers: list[Any]) -> Any:
    if len(answers) == 1:
        return answers[0]
    if isinstance(answers[0], dict):
        return {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}
    return np.concatenate(answers)
