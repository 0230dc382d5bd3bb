"""What an analysis asks of whoever runs the networks, and the answer it gets.

The protocol is torch-free, so that analyses, interfaces and tests share it: the engine's batcher
implements it in a server, `ipvit.analyses.direct.DirectForward` in a plain process.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ipvit.errors import InvalidInput, UnknownName, WeightsUnavailable
from ipvit.models.specs import ModelSpec

__all__ = [
    "AnalysisContext",
    "AttentionQuery",
    "Forward",
    "ForwardRequest",
    "ForwardResult",
]

SALIENCY_PREFERENCE = ("dino_vit_s", "pocket_deit_shape")


@dataclass(frozen=True)
class AttentionQuery:
    """Whose attention is wanted: rows of the attention matrix of some blocks.

    layers: 0-based block indices, none negative, ascending.
    queries: the query tokens in this order, of "cls" and "shape", or ("all",) for every token.
    """

    layers: tuple[int, ...]
    queries: tuple[str, ...] = ("cls",)


@dataclass(frozen=True, eq=False)
class ForwardRequest:
    """One model's forward pass.

    images: (n, 3, H, W) uint8 at the model's input size, not normalised: dropped pixels are 0.
    logits: whether the answer's logits are wanted; a model without a head answers features.
    """

    model: str
    images: npt.NDArray[np.uint8]
    attention: AttentionQuery | None = None
    logits: bool = True


@dataclass(frozen=True, eq=False)
class ForwardResult:
    """What a forward pass answers.

    logits: (n, classes) float32.
    attention: block index to (n, heads, queries, tokens) float32, each row summing to 1.
    precision: "fp32" or "bf16", the arithmetic that was used.
    """

    logits: npt.NDArray[np.float32]
    attention: Mapping[int, npt.NDArray[np.float32]]
    precision: str


class Forward(Protocol):
    """Runs networks; several requests may be submitted before the first is waited for."""

    def submit(self, request: ForwardRequest) -> "Future[ForwardResult]":
        """Start `request` and return its future; raises Overloaded if it cannot be taken."""
        ...


@dataclass(frozen=True)
class AnalysisContext:
    """All that an analysis needs besides image and parameters.

    specs: every model known, by name.
    is_ready: whether a model's weights are on this machine.
    saliency_model: the configured saliency model, or None for the first of
        `SALIENCY_PREFERENCE` that is ready.
    """

    specs: Mapping[str, ModelSpec]
    is_ready: Callable[[str], bool]
    forward: Forward
    saliency_model: str | None = None

    def spec(self, name: str, *, field: str = "model") -> ModelSpec:
        """The spec of a model that can run here.

        Raises UnknownName for a model nobody knows, and WeightsUnavailable (with the command
        that fetches them) if its weights are missing.
        """
        spec = find_spec(self.specs, name, field=field)
        if not self.is_ready(name):
            raise WeightsUnavailable(
                f"the weights of model {name!r} are not on this machine; "
                f"fetch them with: ipvit models pull {name}"
            )
        return spec

    def default_saliency_model(self) -> str:
        """The saliency model's name: the configured one, or else the first that is ready."""
        if self.saliency_model is not None:
            return self.saliency_model
        for name in SALIENCY_PREFERENCE:
            if name in self.specs and self.is_ready(name):
                return name
        raise WeightsUnavailable(
            "no saliency model is on this machine; fetch one with: "
            f"ipvit models pull {SALIENCY_PREFERENCE[0]}"
        )


def find_spec(specs: Mapping[str, ModelSpec], name: str, *, field: str = "model") -> ModelSpec:
    """The spec named `name`; raises UnknownName that names the request field."""
    if name not in specs:
        raise UnknownName("model", name, specs, field=field)
    return specs[name]


def require_head(spec: ModelSpec) -> None:
    """Raise InvalidInput if the model cannot classify."""
    if spec.num_classes == 0:
        raise InvalidInput(
            f"expected a model with a classification head, got {spec.name!r}, which has none",
            field="model",
        )
