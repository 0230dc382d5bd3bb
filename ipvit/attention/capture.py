"""Read attention out of a running vision transformer without changing what it computes.

Fused attention never forms the matrix of weights, so a hook on it sees nothing. Here a hook on
each block's `qkv` projection looks at queries and keys as they pass, and the softmax is computed
beside the forward pass, in float32, only for the query tokens asked for: for the class token of
one block that is one row for each head. The forward pass itself, fused kernel included, is left
as it was; logits are the same bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ipvit.errors import CaptureMismatch

__all__ = ["TOKEN_POSITIONS", "AttentionCapture"]

TOKEN_POSITIONS: Mapping[str, int] = {"cls": 0, "shape": 1}
"""Where a query token stands in the sequence; the distillation token's place is the shape's."""


class AttentionCapture:
    """Context manager: `with AttentionCapture(model, layers=[11]) as seen: model(x)`.

    model: a timm VisionTransformer, or a network with `blocks[i].attn` of the same making
        (`qkv`, `num_heads`, `scale`, optional `q_norm` and `k_norm`).
    layers: 0-based block indices.
    queries: "cls" and "shape" in the order wanted, or "all" for every token.
    maps: after a forward pass, block index to (B, heads, queries, tokens) float32, each row
        summing to 1. Another forward pass replaces them.

    Raises CaptureMismatch on entry if the model has no such blocks or tokens, and on exit (unless
    another error is on its way) if not every block asked for was captured, with every query,
    exactly as asked. Hooks are removed either way.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        layers: Sequence[int] = (),
        queries: Sequence[str] | str = ("cls",),
    ) -> None:
        self.maps: dict[int, Tensor] = {}
        self._model = model
        self._layers = tuple(dict.fromkeys(layers))
        self._queries = (queries,) if isinstance(queries, str) else tuple(queries)
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        attentions = [self._attention(layer) for layer in self._layers]
        positions = self._positions()
        for layer, attention in zip(self._layers, attentions, strict=True):
            hook = self._hook(layer, attention, positions)
            self._handles.append(cast(nn.Module, attention.qkv).register_forward_hook(hook))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        missing = [layer for layer in self._layers if layer not in self.maps]
        if error is None and missing:
            raise CaptureMismatch(
                f"expected attention of blocks {list(self._layers)}, got none of {missing}; "
                "was the model run?"
            )

    def _attention(self, layer: int) -> nn.Module:
        blocks = getattr(self._model, "blocks", None)
        depth = len(blocks) if isinstance(blocks, nn.Sequential | nn.ModuleList) else 0
        if not 0 <= layer < depth:
            raise CaptureMismatch(
                f"expected a model with a block {layer}, got {type(self._model).__name__} "
                f"with {depth} blocks"
            )
        attention = getattr(cast(Any, blocks)[layer], "attn", None)
        if not isinstance(getattr(attention, "qkv", None), nn.Module):
            raise CaptureMismatch(
                f"expected one projection of queries, keys and values in block {layer}, got "
                f"{type(attention).__name__}, whose attention cannot be captured"
            )
        return cast(nn.Module, attention)

    def _positions(self) -> list[int] | None:
        """The places of the query tokens; None for all tokens."""
        if self._queries == ("all",):
            return None
        prefix_tokens = getattr(self._model, "num_prefix_tokens", 0)
        for token in self._queries:
            if TOKEN_POSITIONS.get(token, prefix_tokens) >= prefix_tokens:
                raise CaptureMismatch(
                    f"expected query tokens among the {prefix_tokens} prefix tokens of the "
                    f"model, got {token!r}"
                )
        return [TOKEN_POSITIONS[token] for token in self._queries]

    def _hook(
        self, layer: int, attention: nn.Module, positions: list[int] | None
    ) -> Callable[[nn.Module, Any, Tensor], None]:
        def see(_module: nn.Module, _inputs: Any, qkv: Tensor) -> None:
            self.maps[layer] = _weights(attention, qkv, positions)

        return see


@torch.no_grad()
def _weights(attention: nn.Module, qkv: Tensor, positions: list[int] | None) -> Tensor:
    """Softmax of the query rows: (B, heads, queries, tokens) float32, from qkv (B, N, 3·C)."""
    heads = cast(int, attention.num_heads)
    batch, tokens, _ = qkv.shape
    query, key, _ = qkv.reshape(batch, tokens, 3, heads, -1).unbind(2)  # (B, N, heads, d)
    if positions is not None:
        query = query[:, positions]  # (B, Q, heads, d)
    query, key = _normalised(attention, "q_norm", query), _normalised(attention, "k_norm", key)
    scaled = query.float() * cast(float, attention.scale)
    # One row against all keys: a product of vectors reads the keys where they lie.
    scores = torch.einsum("bqhd,bnhd->bhqn", scaled, key.float())
    return scores.softmax(dim=-1)


def _normalised(attention: nn.Module, name: str, vectors: Tensor) -> Tensor:
    norm = getattr(attention, name, None)
    return cast(Tensor, norm(vectors)) if isinstance(norm, nn.Module) else vectors
