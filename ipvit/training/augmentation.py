"""Augmentation of whole batches, keyed by (seed, epoch, step).

The key decides every random draw, so that a resumed run continues exactly as an unbroken one and
no generator state has to be saved.
"""

import hashlib

import torch
from torch import Tensor
from torch.nn import functional

from ipvit.training.recipes import Augmentation

__all__ = ["augment", "epoch_order", "keyed_generator", "mixup"]


def keyed_generator(*key: int | str) -> torch.Generator:
    """A CPU generator seeded by a hash of the key; the same on every machine."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """A permutation (count,) of the images for this epoch."""
    return torch.randperm(count, generator=keyed_generator(seed, "order", epoch))


def augment(
    images: Tensor,
    indices: Tensor,
    augmentation: Augmentation,
    *,
    seed: int,
    epoch: int,
    step: int,
    px: int,
) -> Tensor:
    """Crop, flip and resize a batch (B, 3, H, W), float in [0, 1]; returns (B, 3, px, px)."""
    generator = keyed_generator(seed, "augment", epoch, step)
    if augmentation.flip:
        mirrored = alternating_flip(indices, seed, epoch)[:, None, None, None]
        images = torch.where(mirrored.to(images.device), images.flip(-1), images)
    if augmentation.crop == "pad":
        images = _pad_and_crop(images, augmentation.pad_px, generator)
    if augmentation.crop == "resized":
        return _random_resized_crop(images, augmentation.scale, px, generator)
    if images.shape[-1] != px:
        images = functional.interpolate(images, size=(px, px), mode="bilinear", antialias=True)
    return images


def alternating_flip(indices: Tensor, seed: int, epoch: int) -> Tensor:
    """Whether each image is mirrored in this epoch, (B,) bool: by a coin first, then in turns."""
    coin = (indices * 2654435761 + seed * 40503) >> 7
    return ((coin + epoch) % 2).bool()


def _pad_and_crop(images: Tensor, pad_px: int, generator: torch.Generator) -> Tensor:
    batch, _, height, width = images.shape
    padded = functional.pad(images, (pad_px,) * 4, mode="reflect")
    offsets = torch.randint(0, 2 * pad_px + 1, (2, batch, 1), generator=generator)
    rows = (offsets[0] + torch.arange(height)).to(images.device)  # (B, H)
    cols = (offsets[1] + torch.arange(width)).to(images.device)  # (B, W)
    item = torch.arange(batch, device=images.device)[:, None, None]
    pixels = padded.permute(0, 2, 3, 1)[item, rows[:, :, None], cols[:, None, :]]  # (B, H, W, 3)
    return pixels.permute(0, 3, 1, 2)


def _random_resized_crop(
    images: Tensor, scale: tuple[float, float], px: int, generator: torch.Generator
) -> Tensor:
    """A square window of random area and place, anywhere inside the image, resized to px."""
    batch = len(images)
    draws = torch.rand(3, batch, generator=generator)
    side = (scale[0] + (scale[1] - scale[0]) * draws[0]).sqrt()
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side
    theta[:, 0, 2] = (1 - side) * (2 * draws[1] - 1)
    theta[:, 1, 2] = (1 - side) * (2 * draws[2] - 1)
    sampling = functional.affine_grid(theta, [batch, 3, px, px], align_corners=False)
    return functional.grid_sample(
        images, sampling.to(images), mode="bilinear", padding_mode="reflection", align_corners=False
    )


def mixup(
    images: Tensor, alpha: float, *, seed: int, epoch: int, step: int
) -> tuple[Tensor, Tensor, float]:
    """Blend a batch with itself permuted; returns images, permutation and the first's share."""
    generator = keyed_generator(seed, "mixup", epoch, step)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    concentration = torch.full((2,), alpha)
    state = torch.random.get_rng_state()
    torch.manual_seed(int(torch.randint(0, 2**31, (), generator=generator)))
    share = float(torch.distributions.Beta(*concentration).sample())
    torch.random.set_rng_state(state)
    return images.lerp(images[order], 1 - share), order, share
