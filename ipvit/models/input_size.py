"""Run a vision transformer at another input size than it was trained at, for a while.

The position embeddings of the patches are interpolated bicubically to the new grid, those of the
prefix tokens stay (Dosovitskiy et al. 2021, §3.2; Caron et al. 2021 and Naseer et al. 2021, §3.2,
for segmentation). The coordinates are those of the grids' true sizes, where the original script
passes on a rounded scale factor; for 14 to 32 patches the two agree.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ipvit.errors import InvalidInput

__all__ = ["input_size", "resample_positions"]


def resample_positions(
    positions: Tensor, old: tuple[int, int], new: tuple[int, int], *, prefix_tokens: int
) -> Tensor:
    """Position embeddings (1, prefix + old rows · old cols, C) for another grid of patches.

    old, new: (rows, cols). Returns (1, prefix + new rows · new cols, C) of the same dtype.
    """
    if old == new:
        return positions
    prefix, patches = positions[:, :prefix_tokens], positions[:, prefix_tokens:]
    grid = patches.float().reshape(1, *old, -1).permute(0, 3, 1, 2)  # (1, C, rows, cols)
    # Without antialiasing, as in the originals; with it PyTorch takes another bicubic kernel.
    grid = functional.interpolate(grid, size=new, mode="bicubic", align_corners=False)
    resampled = grid.permute(0, 2, 3, 1).flatten(1, 2).to(positions.dtype)
    return torch.cat([prefix, resampled], dim=1)


@contextmanager
def input_size(model: nn.Module, side_px: int) -> Iterator[None]:
    """`with input_size(model, 512): model(images)`: take images (B, 3, 512, 512).

    model: a timm VisionTransformer. What a side leaves over after whole patches is not seen.
    Raises InvalidInput if the model embeds no patches. The model is as before afterwards.
    """
    network: Any = model
    embed: Any = getattr(model, "patch_embed", None)
    if getattr(embed, "grid_size", None) is None:
        raise InvalidInput(
            f"expected a vision transformer with patch embeddings, got {type(model).__name__}",
            field="models",
        )
    old = embed.grid_size
    new = tuple(side_px // patch_px for patch_px in embed.patch_size)
    before = embed.img_size, old, embed.num_patches, network.pos_embed
    embed.img_size, embed.grid_size = (side_px, side_px), new
    embed.num_patches = new[0] * new[1]
    try:
        if network.pos_embed is not None:
            prefix_tokens = 0 if network.no_embed_class else network.num_prefix_tokens
            with torch.no_grad():
                positions = resample_positions(
                    network.pos_embed, old, new, prefix_tokens=prefix_tokens
                )
            network.pos_embed = nn.Parameter(positions, requires_grad=False)
        yield
    finally:
        embed.img_size, embed.grid_size, embed.num_patches, network.pos_embed = before
