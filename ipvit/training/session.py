"""A training session: epochs, a checkpoint after each, and how to go on from one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ipvit.errors import InvalidInput, TrainingDiverged
from ipvit.models.architectures import build_architecture
from ipvit.training.checkpoints import load_checkpoint, save_checkpoint
from ipvit.training.evaluation import measure_accuracy
from ipvit.training.image_store import ImageSet
from ipvit.training.loop import Trainer

__all__ = ["CHECKPOINT", "EpochReport", "TrainingOutcome", "kept_model", "run_epochs"]

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class EpochReport:
    """The end of an epoch. accuracy: on the test set, by token; seconds: of training so far."""

    epoch: int
    epochs: int
    loss: float
    accuracy: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class TrainingOutcome:
    """The end of a run. accuracy: by token; seconds: of training, resumed parts included."""

    accuracy: dict[str, float]
    seconds: float


def run_epochs(
    trainer: Trainer,
    test: ImageSet,
    out_dir: Path,
    *,
    resume: bool = False,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> TrainingOutcome:
    """Train to the recipe's end; the checkpoint in `out_dir` is replaced after every epoch.

    Raises TrainingDiverged, naming the last good checkpoint, if the loss is not finite, and
    InvalidInput if the checkpoint belongs to another run.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / CHECKPOINT
    done, seconds = _restore(trainer, path) if resume and path.exists() else (0, 0.0)
    recipe, fabric = trainer.recipe, trainer.fabric
    accuracy: dict[str, float] = {}
    for epoch in range(done, recipe.epochs):
        started = time.perf_counter()
        loss = _run_epoch(trainer, epoch, path)
        seconds += time.perf_counter() - started
        if fabric.is_global_zero:
            save_checkpoint(path, _snapshot(trainer, epoch + 1, seconds))
        fabric.barrier()
        accuracy = measure_accuracy(kept_model(trainer), test, recipe, fabric)
        on_epoch(EpochReport(epoch + 1, recipe.epochs, loss, accuracy, seconds))
    if not accuracy:
        accuracy = measure_accuracy(kept_model(trainer), test, recipe, fabric)
    return TrainingOutcome(accuracy, seconds)


def kept_model(trainer: Trainer) -> nn.Module:
    """The network to keep: with averaged weights where the recipe asks for them."""
    if trainer.average is None:
        return trainer.model
    recipe = trainer.recipe
    classes = len(trainer.source.data.classes)
    model = build_architecture(
        recipe.architecture, num_classes=classes, **recipe.architecture_options
    )
    model.load_state_dict(trainer.average.state)
    return model.to(trainer.fabric.device)


def _run_epoch(trainer: Trainer, epoch: int, path: Path) -> float:
    try:
        return trainer.run_epoch(epoch)
    except TrainingDiverged as error:
        kept = f"the last good checkpoint is {path}" if path.exists() else "there is no checkpoint"
        raise TrainingDiverged(f"{error}; {kept}") from error


def _snapshot(trainer: Trainer, epochs_done: int, seconds: float) -> dict[str, Any]:
    average, hint = trainer.average, trainer.hint
    return {
        "recipe": trainer.recipe.name,
        "epochs": trainer.recipe.epochs,
        "seed": trainer.source.seed,
        "fingerprint": trainer.source.data.fingerprint,
        "epochs_done": epochs_done,
        "seconds": seconds,
        "model": trainer.model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in trainer.optimisers],
        "hint": None if hint is None else hint.state_dict(),
        "average": None if average is None else average.state,
        "average_updates": 0 if average is None else average.updates,
    }


def _restore(trainer: Trainer, path: Path) -> tuple[int, float]:
    """Continue from a checkpoint of the same recipe, length, seed and data."""
    state = load_checkpoint(path)
    source = trainer.source
    expected = (trainer.recipe.name, trainer.recipe.epochs, source.seed, source.data.fingerprint)
    found = (state["recipe"], state["epochs"], state["seed"], state["fingerprint"])
    if expected != found:
        raise InvalidInput(
            f"{path} was made with (recipe, epochs, seed, data) {found}, expected {expected}",
            field="resume",
        )
    trainer.model.load_state_dict(state["model"])
    for optimiser, saved in zip(trainer.optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    if trainer.hint is not None:
        trainer.hint.load_state_dict(state["hint"])
    if trainer.average is not None:
        trainer.average.state = state["average"]
        trainer.average.updates = state["average_updates"]
    return int(state["epochs_done"]), float(state["seconds"])
