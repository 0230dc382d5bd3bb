"""Fourier stylisation: another image's amplitude spectrum under this image's phase.

Oppenheim & Lim (1981) showed that the phase carries where things are; the amplitude carries much
of colour and texture. Exchanging amplitudes needs no weights (Yang & Soatto 2020 use it for
domain adaptation, Xu et al. 2021 for generalisation).
"""

import torch
from torch import Tensor

__all__ = ["exchange_amplitude"]


def exchange_amplitude(content: Tensor, style: Tensor, strength: float = 1.0) -> Tensor:
    """Put `style`'s amplitudes under `content`'s phases.

    content, style: (B, 3, H, W) float in [0, 1]. strength: share of the style's log amplitude;
    1.0 replaces it. Returns the same shape, clipped to [0, 1].
    """
    spectrum = torch.fft.rfft2(content)
    ours, theirs = spectrum.abs().clamp_min(1e-8), torch.fft.rfft2(style).abs().clamp_min(1e-8)
    gain = (theirs / ours) ** strength
    mixed: Tensor = torch.fft.irfft2(spectrum * gain, s=content.shape[-2:])
    return mixed.clamp(0.0, 1.0)
