"""From indices to what a step needs: augmented, normalised images and their targets."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ipvit.training.augmentation import augment, epoch_order, keyed_generator, mixup
from ipvit.training.fourier import exchange_amplitude
from ipvit.training.image_store import ImageSet
from ipvit.training.objective import Targets
from ipvit.training.recipes import Recipe

__all__ = ["BatchSource", "low_resolution_px"]


def low_resolution_px(recipe: Recipe, epoch: int) -> int:
    """Side of the student's images in this epoch."""
    low = recipe.low_resolution
    if low is not None and epoch < round(low[0] * recipe.epochs):
        return low[1]
    return recipe.input_px


@dataclass
class BatchSource:
    """Batches of one process out of `world_size`; each takes its share of every batch.

    autocast: makes the context in which the teacher computes.
    """

    recipe: Recipe
    data: ImageSet
    seed: int
    device: torch.device
    rank: int = 0
    world_size: int = 1
    teacher: nn.Module | None = None
    channels_last: bool = False
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def steps_per_epoch(self) -> int:
        """Full batches only; what is left over in one epoch is seen in another."""
        return max(1, len(self.data) // self.recipe.batch_size)

    def indices(self, epoch: int, step: int) -> Tensor:
        """This process's share of a batch."""
        order = epoch_order(len(self.data), self.seed, epoch)
        size = self.recipe.batch_size
        return order[step * size : (step + 1) * size][self.rank :: self.world_size]

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Targets]:
        """Images (B, 3, px, px) for the student, and targets; decided by (seed, epoch, step)."""
        chosen = self.indices(epoch, step)
        draw = step * self.world_size + self.rank
        labels = torch.from_numpy(self.data.labels[chosen.numpy()]).to(self.device)
        images = augment(
            self._stylised(chosen, epoch, draw),
            chosen,
            self.recipe.augmentation,
            seed=self.seed,
            epoch=epoch,
            step=draw,
            px=self.recipe.input_px,
        )
        share, others = 1.0, labels
        alpha = self.recipe.augmentation.mixup_alpha
        if alpha:
            images, mixed, share = mixup(images, alpha, seed=self.seed, epoch=epoch, step=draw)
            others = labels[mixed]
        targets = Targets(labels, others, share, self._teach(images))
        px = low_resolution_px(self.recipe, epoch)
        if px != images.shape[-1]:
            images = functional.interpolate(images, size=(px, px), mode="bilinear", antialias=True)
        return self.normalise(images), targets

    def normalise(self, images: Tensor) -> Tensor:
        """[0, 1] to the recipe's mean and standard deviation, in the model's memory format."""
        mean = torch.tensor(self.recipe.mean, device=images.device)[:, None, None]
        std = torch.tensor(self.recipe.std, device=images.device)[:, None, None]
        images = (images - mean) / std
        if self.channels_last:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def pixels(self, chosen: Tensor) -> Tensor:
        """Images as they are stored, (B, 3, H, W) float in [0, 1]."""
        pixels = torch.from_numpy(np.asarray(self.data.images[chosen.numpy()]))
        return pixels.to(self.device).float() / 255

    def _stylised(self, chosen: Tensor, epoch: int, draw: int) -> Tensor:
        images = self.pixels(chosen)
        stylisation = self.recipe.stylisation
        if stylisation is None:
            return images
        generator = keyed_generator(self.seed, "style", epoch, draw)
        styles = torch.randint(0, len(self.data), (len(chosen),), generator=generator)
        return exchange_amplitude(images, self.pixels(styles), stylisation.strength)

    @torch.no_grad()
    def _teach(self, images: Tensor) -> Tensor | None:
        if self.teacher is None:
            return None
        with self.autocast():
            logits: Tensor = self.teacher(images)
        return logits.float()
