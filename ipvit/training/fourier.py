"""Fourier stylisation: another image's amplitude spectrum under this image's phase.

Oppenheim & Lim (1981) showed that the phase carries where things are; the amplitude carries much
of colour and texture. Exchanging amplitudes needs no weights (Yang & Soatto 2020 use it for
domain adaptation, Xu et al. 2021 for generalisation).

A picture's left and right edges differ, which the transform sees as a cross of energy along the
axes; on photos of 224 px that cross becomes stripes in the other picture. `periodic` exchanges the
amplitudes of both pictures' periodic components instead (Moisan 2011).
"""

import math

import torch
from torch import Tensor

__all__ = ["exchange_amplitude", "periodic_component"]


def exchange_amplitude(
    content: Tensor, style: Tensor, strength: float = 1.0, *, periodic: bool = False
) -> Tensor:
    """Put `style`'s amplitudes under `content`'s phases.

    content, style: (B, 3, H, W) float in [0, 1]. strength: share of the style's log amplitude;
    1.0 replaces it. Returns the same shape, clipped to [0, 1].
    """
    if periodic:
        content, style = periodic_component(content), periodic_component(style)
    spectrum = torch.fft.rfft2(content)
    ours, theirs = spectrum.abs().clamp_min(1e-8), torch.fft.rfft2(style).abs().clamp_min(1e-8)
    gain = (theirs / ours) ** strength
    mixed: Tensor = torch.fft.irfft2(spectrum * gain, s=content.shape[-2:])
    return mixed.clamp(0.0, 1.0)


def periodic_component(images: Tensor) -> Tensor:
    """Images (…, H, W) less the smooth field that explains the jumps between opposite edges.

    The field solves a discrete Poisson equation whose source are the jumps; its mean is 0.
    """
    height, width = images.shape[-2:]
    jumps = torch.zeros_like(images)
    rows = images[..., 0, :] - images[..., -1, :]
    jumps[..., 0, :] += rows
    jumps[..., -1, :] -= rows
    cols = images[..., :, 0] - images[..., :, -1]
    jumps[..., :, 0] += cols
    jumps[..., :, -1] -= cols
    turn_y = 2 * math.pi * torch.arange(height, device=images.device) / height
    turn_x = 2 * math.pi * torch.arange(width, device=images.device) / width
    laplacian = 4 - 2 * turn_y.cos()[:, None] - 2 * turn_x.cos()
    laplacian[0, 0] = 1.0  # the jumps sum to 0 there
    smooth: Tensor = torch.fft.ifft2(torch.fft.fft2(jumps) / laplacian).real
    return images - smooth
