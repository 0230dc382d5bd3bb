"""Accuracy of each token on a test set."""

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ipvit.training.image_store import ImageSet
from ipvit.training.objective import token_logits
from ipvit.training.recipes import Recipe

__all__ = ["measure_accuracy", "token_names"]

BATCH_IMAGES = 500


def token_names(model: nn.Module) -> tuple[str, ...]:
    """("cls",), or ("cls", "second") for a model with two heads."""
    return ("cls", "second") if hasattr(model, "head_dist") else ("cls",)


@torch.no_grad()
def measure_accuracy(
    model: nn.Module, data: ImageSet, recipe: Recipe, fabric: Fabric, limit: int | None = None
) -> dict[str, float]:
    """Share of right answers on the first `limit` images, of each token's head and their mean."""
    was_training = model.training
    model.eval()
    mean = torch.tensor(recipe.mean, device=fabric.device)[:, None, None]
    std = torch.tensor(recipe.std, device=fabric.device)[:, None, None]
    right: dict[str, int] = {}
    count = min(limit or len(data), len(data))
    for start in range(0, count, BATCH_IMAGES):
        chosen = slice(start, min(start + BATCH_IMAGES, count))
        pixels = torch.from_numpy(np.array(data.images[chosen])).to(fabric.device)
        labels = torch.from_numpy(data.labels[chosen]).to(fabric.device)
        with fabric.autocast():
            logits = token_logits(model, (pixels.float() / 255 - mean) / std)
        for name, scores in _answers(model, logits):
            right[name] = right.get(name, 0) + int((scores.argmax(dim=1) == labels).sum())
    model.train(was_training)
    return {name: hits / count for name, hits in right.items()}


def _answers(model: nn.Module, logits: tuple[Tensor, ...]) -> list[tuple[str, Tensor]]:
    answers = list(zip(token_names(model), (token.float() for token in logits), strict=True))
    if len(answers) == 2:
        answers.append(("mean", (answers[0][1] + answers[1][1]) / 2))
    return answers
