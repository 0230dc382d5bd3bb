"""The inner loop of a training run, through Lightning Fabric.

Fabric brings the device, mixed precision and several GPUs; a step is otherwise plain torch. Each
process takes its share of every batch, so that the run is the same on one device or many, up to
the order of sums.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from ipvit.errors import TrainingDiverged
from ipvit.training.batches import BatchSource
from ipvit.training.objective import Targets, training_loss
from ipvit.training.optimisation import MovingAverage, learning_rate_factor, set_learning_rates
from ipvit.training.recipes import Recipe

__all__ = ["StepReport", "Trainer"]


@dataclass(frozen=True)
class StepReport:
    """What one optimiser step tells its listener; accuracy is of the class token."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float


@dataclass
class Trainer:
    """Everything a run changes while it goes on.

    wrapped: the model as Fabric runs it; `model` is the same network, bare.
    """

    recipe: Recipe
    fabric: Fabric
    model: nn.Module
    wrapped: nn.Module
    optimisers: list[Optimizer]
    source: BatchSource
    average: MovingAverage | None = None
    hint: nn.Module | None = None
    on_step: Callable[[StepReport], None] = field(default=lambda report: None)

    def run_epoch(self, epoch: int) -> float:
        """Train one epoch; returns its mean loss. Raises TrainingDiverged on NaN."""
        self.wrapped.train()
        losses = []
        steps = self.source.steps_per_epoch
        for step in range(steps):
            started = time.perf_counter()
            images, targets = self.source.batch(epoch, step)
            loss, accuracy = self._optimise(images, targets, epoch * steps + step)
            losses.append(loss)
            seen = len(images) * self.source.world_size
            speed = seen / (time.perf_counter() - started)
            self.on_step(StepReport(epoch, step, steps, loss, accuracy, speed))
        return float(np.mean(losses))

    def _optimise(self, images: Tensor, targets: Targets, done: int) -> tuple[float, float]:
        """One step, number `done` of the whole run; returns loss and accuracy."""
        optimisation = self.recipe.optimisation
        total = self.recipe.epochs * self.source.steps_per_epoch
        set_learning_rates(self.optimisers, learning_rate_factor(done, total, optimisation.warmup))
        answer = self.wrapped(images)
        logits = answer if isinstance(answer, tuple) else (answer,)
        loss = self._loss(logits, targets)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingDiverged(f"the loss of step {done + 1} of {total} is {value}")
        self.fabric.backward(loss)
        if optimisation.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), optimisation.clip_norm)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.model)
        right = (logits[0].detach().argmax(dim=1) == targets.labels).float().mean()
        return value, float(right)

    def _loss(self, logits: tuple[Tensor, ...], targets: Targets) -> Tensor:
        distillation = self.recipe.distillation
        smoothing = self.recipe.optimisation.label_smoothing
        loss = training_loss(logits, targets, distillation, smoothing)
        if self.hint is not None and distillation is not None:
            loss = loss + distillation.hint_weight * self.hint()
        return loss
