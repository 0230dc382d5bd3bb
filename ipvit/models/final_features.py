"""The features a network classifies by: its final class token, or what enters its classifier."""

from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ipvit.errors import CaptureMismatch
from ipvit.models.cpu_layout import PackedLinear

__all__ = ["FinalFeatures"]


class FinalFeatures:
    """Context manager: `with FinalFeatures(model, token=0) as seen: model(x); seen.features`.

    token: position of a prefix token that is taken after the final norm (vision transformers);
        None takes what enters the last linear layer (convolutional networks).
    features: after a forward pass, (B, C) in the network's dtype. Another pass replaces them.

    Raises CaptureMismatch on entry if the model has no final norm or linear layer, and on exit
    (unless another error is on its way) if nothing was captured. Hooks are removed either way.
    """

    features: Tensor

    def __init__(self, model: nn.Module, *, token: int | None) -> None:
        self._model, self._token = model, token
        self._handle: RemovableHandle | None = None
        self._seen = False

    def __enter__(self) -> Self:
        self._seen = False
        if self._token is None:
            linear = [
                part for part in self._model.modules() if isinstance(part, nn.Linear | PackedLinear)
            ]
            if not linear:
                raise CaptureMismatch(
                    f"expected a network with a linear classifier, got {type(self._model).__name__}"
                )
            self._handle = linear[-1].register_forward_pre_hook(self._see_input)
        else:
            norm = getattr(self._model, "norm", None)
            if not isinstance(norm, nn.Module):
                raise CaptureMismatch(
                    f"expected a transformer with a final norm, got {type(self._model).__name__}"
                )
            self._handle = norm.register_forward_hook(self._see_token)
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
        if error is None and not self._seen:
            raise CaptureMismatch("expected final features, got none; was the model run?")

    def _see_input(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.features, self._seen = inputs[0], True

    def _see_token(self, _module: nn.Module, _inputs: Any, tokens: Tensor) -> None:
        self.features, self._seen = tokens[:, self._token], True
