"""Zero features inside a running network; which ones, `ipvit.perturbations.feature_drop` says."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ipvit.errors import CaptureMismatch, InvalidInput
from ipvit.perturbations.feature_drop import Site, feature_drop_mask

__all__ = ["FeatureDrop"]


class FeatureDrop:
    """Context manager: `with FeatureDrop(model, site, 0.5, seed=0, keys=paths): model(images)`.

    model: a vision transformer with `blocks`, a ResNet (`layer1` … `layer4`) or a network whose
        `stages` follow one another. Images pass in the order of `keys`, in batches of any size.

    Raises InvalidInput (field "params") on entry if the model has no such site, and
    CaptureMismatch on exit (unless another error is on its way) if not exactly as many images
    passed as there are keys. The hook is removed either way.
    """

    def __init__(
        self, model: nn.Module, site: Site, rate: float, *, seed: int, keys: Sequence[str]
    ) -> None:
        self._model, self._site, self._rate = model, site, rate
        self._seed, self._keys = seed, keys
        self._passed = 0
        self._handle: RemovableHandle | None = None

    def __enter__(self) -> Self:
        self._passed = 0
        stages = _stages(self._model, self._site)
        first = 0 if self._site.kind == "block" else 1
        position = self._site.index - first
        # Only convolutional networks have a site after their last stage: its output.
        if 0 <= position < len(stages):
            self._handle = stages[position].register_forward_pre_hook(self._drop_input)
        elif self._site.kind == "layer" and position == len(stages) > 0:
            self._handle = stages[-1].register_forward_hook(self._drop_output)
        else:
            raise InvalidInput(
                f"expected a {self._site.kind} that the model has, got {self._site} of "
                f"{type(self._model).__name__} with {len(stages)} {self._site.kind}s",
                field="params",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        if error is None and self._passed != len(self._keys):
            raise CaptureMismatch(
                f"expected {len(self._keys)} images to pass {self._site}, got {self._passed}"
            )

    def _drop_input(self, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._drop(inputs[0]), *inputs[1:])

    def _drop_output(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return self._drop(output)

    def _drop(self, features: Tensor) -> Tensor:
        """Zero tokens of (B, tokens, C), or positions of (B, C, H, W)."""
        keys = self._keys[self._passed : self._passed + len(features)]
        self._passed += len(features)
        if len(keys) != len(features):
            raise CaptureMismatch(
                f"expected {len(self._keys)} images to pass {self._site}, got more"
            )
        if self._site.kind == "block":
            prefix_tokens = cast(int, getattr(self._model, "num_prefix_tokens", 1))
            masks = self._masks(keys, features.shape[1] - prefix_tokens, prefix_tokens)
            padded = np.pad(masks, ((0, 0), (prefix_tokens, 0)))  # (B, tokens)
            dropped = torch.from_numpy(padded)[..., None]
        else:
            height, width = features.shape[-2:]
            masks = self._masks(keys, height * width, 0)
            dropped = torch.from_numpy(masks).view(-1, 1, height, width)
        return features.masked_fill(dropped.to(features.device), 0)

    def _masks(
        self, keys: Sequence[str], features: int, prefix_tokens: int
    ) -> npt.NDArray[np.bool_]:
        return np.stack(
            [
                feature_drop_mask(
                    features,
                    self._rate,
                    self._site,
                    prefix_tokens=prefix_tokens,
                    seed=self._seed,
                    key=key,
                )
                for key in keys
            ]
        )


def _stages(model: nn.Module, site: Site) -> list[nn.Module]:
    """The blocks of a transformer, or what a convolutional network passes one after another."""
    stages = getattr(model, "blocks" if site.kind == "block" else "stages", None)
    if isinstance(stages, nn.Sequential | nn.ModuleList):
        return list(stages)
    if site.kind == "layer":
        layers = [getattr(model, f"layer{number}", None) for number in range(1, 5)]
        return [layer for layer in layers if isinstance(layer, nn.Module)]
    return []
