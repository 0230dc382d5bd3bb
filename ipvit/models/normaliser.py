"""uint8 images as a network reads them."""

import torch
from torch import Tensor

from ipvit.preprocessing import Preprocessing

__all__ = ["Normaliser"]


class Normaliser:
    """(x / 255 - mean) / std of uint8 images (n, 3, H, W) on `device`, in `dtype`.

    One multiply-add in float32, after perturbation: a dropped pixel is 0 before it.
    """

    def __init__(
        self, preprocessing: Preprocessing, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        mean = torch.tensor(preprocessing.mean, device=device).view(1, 3, 1, 1)
        std = torch.tensor(preprocessing.std, device=device).view(1, 3, 1, 1)
        self._scale, self._shift = 1 / (255 * std), -mean / std
        self._dtype = dtype

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images of any size."""
        return torch.addcmul(self._shift, images.float(), self._scale).to(self._dtype)
