"""The model under test, as experiments run it: perturb uint8 images, then normalise and forward.

Images are in [0, 255] until the perturbation is done, so that a dropped pixel is 0 before
normalisation (Naseer et al. 2021, §3.1). Every forward pass asks the pace first; how the images
are cut into forward passes changes nothing but rounding.
"""

from collections.abc import Callable, Mapping
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
from ipvit.models.loading import build_model, load_model
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.models.precision import DTYPES, Precision, choose_precision, convert

__all__ = ["Pace", "SteadyPace", "Stopped", "Subject"]

Array = npt.NDArray[np.float32]


class Subject:
    """A loaded model in evaluation mode.

    module: in `precision`, on `device`; hooks may be set on it while `run` calls it.
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
            lay_out_for_cpu(self.module)
        # (x / 255 - mean) / std is one multiply-add.
        mean = torch.tensor(spec.preprocessing.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(spec.preprocessing.std, device=self.device).view(1, 3, 1, 1)
        self._scale, self._shift = 1 / (255 * std), -mean / std
        self._untrained: Subject | None = None

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

    def normalise(self, images: Tensor) -> Tensor:
        """(x / 255 - mean) / std of uint8 images, in the module's dtype."""
        pixels = images.to(torch.float32)
        return torch.addcmul(self._shift, pixels, self._scale).to(self.module_dtype)

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
            several by name; the module itself if None.
        Returns the answers of all n, (n, …) float32 in memory of the CPU.
        Raises what `pace.next_batch` raises.
        """
        call = forward or self.module
        answers: list[Any] = []
        start = 0
        while start < len(images):
            stop = start + self.pace.next_batch()
            with torch.inference_mode():
                answers.append(_to_numpy(call(self.normalise(images[start:stop]))))
            start = stop
        return _concatenate(answers)

    def logits(self, images: Tensor) -> Array:
        """(n, classes) of (n, 3, H, W) uint8 on the device; the mean of two heads."""
        return self.run(images)


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
