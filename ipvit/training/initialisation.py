"""Starting points: whitening filters, positions and attention that begin with a structure."""

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["sinusoidal_positions", "structure_attention", "whiten_stem"]


@torch.no_grad()
def whiten_stem(stem: nn.Conv2d, images: Tensor) -> None:
    """Fill a kxk stem with the whitening filters of image patches, and their negatives; freeze it.

    images: (B, 3, H, W), normalised. The stem has 2·3·k² filters: eigenvectors of the patches'
    covariance, each divided by the root of its eigenvalue (Page 2018).
    """
    size = stem.kernel_size[0]
    patches = nn.functional.unfold(images.float(), size)  # (B, 3·k², places)
    flat = patches.transpose(1, 2).reshape(-1, patches.shape[1])
    flat = flat - flat.mean(dim=0)
    eigenvalues, eigenvectors = torch.linalg.eigh(flat.T @ flat / len(flat))
    filters = eigenvectors.T / (eigenvalues[:, None] + 5e-4).sqrt()
    filters = filters.reshape(-1, 3, size, size)
    stem.weight.copy_(torch.cat((filters, -filters)))
    stem.weight.requires_grad_(False)
    if stem.bias is not None:
        stem.bias.zero_()


def sinusoidal_positions(rows: int, cols: int, width: int) -> Tensor:
    """Two-dimensional sine and cosine position codes, (rows·cols, width)."""
    frequencies = 1 / 100 ** (torch.arange(width // 4) / (width // 4))
    along_y = torch.arange(rows)[:, None] * frequencies
    along_x = torch.arange(cols)[:, None] * frequencies
    code_y = torch.cat((along_y.sin(), along_y.cos()), dim=1)[:, None].expand(-1, cols, -1)
    code_x = torch.cat((along_x.sin(), along_x.cos()), dim=1)[None].expand(rows, -1, -1)
    return torch.cat((code_y, code_x), dim=-1).reshape(rows * cols, -1)


@torch.no_grad()
def structure_attention(model: Any, generator: torch.Generator) -> None:
    """Let attention begin as trained ViTs end: near positions attend to each other.

    Query and key weights start with a product near the identity, value and projection with one
    near its negative (Trockman & Kolter 2023, "Mimetic initialization"), and the position
    embedding with sine codes. model: a timm VisionTransformer.
    """
    for block in model.blocks:
        attention = block.attn
        width, head_width = attention.proj.weight.shape[0], attention.head_dim
        query, key, value = attention.qkv.weight.chunk(3)
        for head in range(attention.num_heads):
            rows = slice(head * head_width, (head + 1) * head_width)
            target = 0.7 * _noise(width, generator) + 0.7 * torch.eye(width)
            query[rows], key[rows] = _factor(target, head_width)
        product = 0.4 * _noise(width, generator) - 0.4 * torch.eye(width)
        left, right = _factor(product, width)
        value.copy_(right)
        attention.proj.weight.copy_(left.T)
    positions = getattr(model, "pos_embed", None)
    if positions is not None:
        rows, cols = model.patch_embed.grid_size
        codes = sinusoidal_positions(rows, cols, positions.shape[-1])
        positions[0, -len(codes) :] = 0.3 * codes


def _noise(width: int, generator: torch.Generator) -> Tensor:
    return torch.randn(width, width, generator=generator) / math.sqrt(width)


def _factor(product: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Two (rank, width) matrices a, b whose aᵀb is the best rank-`rank` match of `product`."""
    left, scales, right = torch.linalg.svd(product)
    root = scales[:rank].sqrt()[:, None]
    return left.T[:rank] * root, right[:rank] * root
