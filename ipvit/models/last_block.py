"""The last block of a vision transformer, for the tokens that its head reads.

A head reads the class token, or the class token and the distillation (shape) token. What the last
block makes of the patches is thrown away, so here it is not computed: patches still give their
keys and values, and everything after that is done for the prefix tokens only. That is three
quarters of the block's arithmetic: an eighth of a transformer of 6 blocks, a sixteenth of one of
12. The prefix tokens come out as before, but for rounding.
"""

import copy
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from ipvit.models import torchvision_import  # noqa: F401  (must precede timm)

__all__ = ["PrefixBlock", "narrow_last_block"]


class _PrefixAttention(nn.Module):
    """Attention of the first `tokens` tokens to all; the parts are those of timm's attention.

    `AttentionCapture` finds in it what it looks for, queries of all tokens included.
    """

    def __init__(self, attention: nn.Module, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.num_heads = cast(int, attention.num_heads)
        self.scale = cast(float, attention.scale)
        self.qkv = cast(nn.Module, attention.qkv)
        self.q_norm = cast(nn.Module, attention.q_norm)
        self.k_norm = cast(nn.Module, attention.k_norm)
        self.norm = cast(nn.Module, attention.norm)
        self.proj = cast(nn.Module, attention.proj)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, N, C) to (B, tokens, C)."""
        qkv = self.qkv(inputs).unflatten(-1, (3, self.num_heads, -1))  # (B, N, 3, heads, d)
        query, key, value = qkv.transpose(1, 3).unbind(2)  # (B, heads, N, d)
        seen = functional.scaled_dot_product_attention(
            self.q_norm(query[:, :, : self.tokens]), self.k_norm(key), value, scale=self.scale
        )
        return cast(Tensor, self.proj(self.norm(seen.transpose(1, 2).flatten(2))))


class PrefixBlock(nn.Module):
    """`block` in evaluation mode, for the first `tokens` tokens only; shares its parameters."""

    def __init__(self, block: nn.Module, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.norm1 = cast(nn.Module, block.norm1)
        self.attn = _PrefixAttention(cast(nn.Module, block.attn), tokens)
        self.ls1 = cast(nn.Module, block.ls1)
        self.norm2 = cast(nn.Module, block.norm2)
        self.mlp = cast(nn.Module, block.mlp)
        self.ls2 = cast(nn.Module, block.ls2)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, N, C) to (B, tokens, C)."""
        kept = inputs[:, : self.tokens] + self.ls1(self.attn(self.norm1(inputs)))
        return cast(Tensor, kept + self.ls2(self.mlp(self.norm2(kept))))


def narrow_last_block(network: nn.Module) -> nn.Module:
    """A network with the answers of `network` whose last block computes the prefix tokens only.

    For inference. It shares all parts with `network`, hooks included, but for the last block.
    Only where it is certain that nothing reads the patches after that block: timm's plain and
    distilled vision transformers with a head on tokens. Any other network is returned as it is.
    """
    from timm.layers.attention import Attention
    from timm.models.deit import VisionTransformerDistilled
    from timm.models.vision_transformer import Block, VisionTransformer

    if type(network) not in (VisionTransformer, VisionTransformerDistilled):
        return network
    vit = cast(VisionTransformer, network)
    *others, last = vit.blocks
    reads_tokens = vit.global_pool == "token" and vit.attn_pool is None
    is_plain = type(last) is Block and type(last.attn) is Attention and last.attn.gate is None
    if not (reads_tokens and is_plain):
        return network
    narrow = copy.copy(vit)
    narrow._modules = dict(vit._modules)
    narrow.blocks = nn.Sequential(*others, PrefixBlock(last, vit.num_prefix_tokens))
    return narrow
