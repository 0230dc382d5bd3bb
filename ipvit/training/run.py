"""`ipvit train` as a function: a recipe and a directory in, weights and a model card out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.utils.tensorboard import SummaryWriter

from ipvit.training.checkpoints import save_weights
from ipvit.training.image_store import ImageSet, open_image_set
from ipvit.training.loop import StepReport, Trainer
from ipvit.training.model_cards import model_card, write_card
from ipvit.training.precision import fabric_precision
from ipvit.training.recipes import Recipe
from ipvit.training.session import EpochReport, TrainingOutcome, kept_model, run_epochs
from ipvit.training.setup import build_trainer
from ipvit.training.teachers import Teacher, find_weights, open_teacher

__all__ = ["Listeners", "TrainingRequest", "train_recipe"]

STEPS_A_LOG_POINT = 10


@dataclass(frozen=True)
class TrainingRequest:
    """What the recipe leaves open.

    device: "auto", "cpu", "cuda" …; devices: how many of them.
    precision: "auto", "fp32" or "bf16".
    teacher, init_from: replace the recipe's; a registered name or a safetensors file with a card.
    epochs: replaces the recipe's length, None keeps it.
    """

    recipe: Recipe
    data_dir: Path
    out_dir: Path
    cache_dir: Path
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    precision: str = "auto"
    resume: bool = False
    teacher: str | None = None
    init_from: str | None = None
    epochs: int | None = None
    command: str = ""


@dataclass(frozen=True)
class Listeners:
    """Called while the run goes on; decode gets (images done, images)."""

    on_decode: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_step: Callable[[StepReport], None] = field(default=lambda report: None)
    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)


def train_recipe(request: TrainingRequest, listeners: Listeners | None = None) -> Path:
    """Run a recipe; returns the safetensors file, its card lies beside it as JSON.

    Raises InvalidInput, UnknownName, WeightsUnavailable (teacher) or TrainingDiverged.
    """
    listeners = listeners or Listeners()
    recipe = _final_recipe(request)
    train, test = _open_data(request, recipe, listeners)
    accelerator = _accelerator(request.device)
    precision = fabric_precision(request.precision, accelerator)
    fabric = Fabric(accelerator=accelerator, devices=request.devices, precision=precision)
    if request.devices > 1:
        fabric.launch()
    teacher, teacher_sha256 = _open_teacher(recipe, request, len(train.classes))
    initial = find_weights(recipe.init_from, request.cache_dir) if recipe.init_from else None
    state = None if initial is None else initial.state
    trainer = build_trainer(
        recipe, train, fabric, seed=request.seed, teacher=teacher, initial_state=state
    )
    outcome = _run_logged(trainer, test, request, listeners)
    weights_file = request.out_dir / f"{recipe.name}.safetensors"
    if fabric.is_global_zero:
        save_weights(weights_file, kept_model(trainer).state_dict())
        about = {
            "device": _device_name(accelerator, request.devices),
            "precision": precision,
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
            "teacher_sha256": teacher_sha256,
            "initial_sha256": None if initial is None else initial.sha256,
            "fingerprints": {"train": train.fingerprint, "test": test.fingerprint},
            "classes": train.classes,
        }
        _write_card(weights_file, recipe, request, outcome, about)
    fabric.barrier()
    return weights_file


def _run_logged(
    trainer: Trainer, test: ImageSet, request: TrainingRequest, listeners: Listeners
) -> TrainingOutcome:
    """All epochs, with TensorBoard logs in OUT/tensorboard; only the first process reports."""
    if not trainer.fabric.is_global_zero:
        return run_epochs(trainer, test, request.out_dir, resume=request.resume)
    with SummaryWriter(str(request.out_dir / "tensorboard")) as writer:
        trainer.on_step = _logged_steps(writer, listeners.on_step)
        on_epoch = _logged_epochs(writer, listeners.on_epoch)
        return run_epochs(trainer, test, request.out_dir, resume=request.resume, on_epoch=on_epoch)


def _final_recipe(request: TrainingRequest) -> Recipe:
    recipe = request.recipe
    if request.epochs is not None:
        recipe = replace(recipe, epochs=request.epochs)
    if request.init_from is not None:
        recipe = replace(recipe, init_from=request.init_from)
    return recipe


def _open_data(
    request: TrainingRequest, recipe: Recipe, listeners: Listeners
) -> tuple[ImageSet, ImageSet]:
    cache = request.cache_dir / "decoded"
    train, test = (
        open_image_set(request.data_dir, split, recipe.input_px, cache, listeners.on_decode)
        for split in ("train", "test")
    )
    return train, test


def _open_teacher(
    recipe: Recipe, request: TrainingRequest, classes: int
) -> tuple[Teacher | None, str | None]:
    if recipe.distillation is None:
        return None, None
    name = request.teacher or recipe.distillation.teacher
    return open_teacher(name, request.cache_dir, classes)


def _accelerator(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _device_name(accelerator: str, devices: int) -> str:
    name = torch.cuda.get_device_name() if accelerator == "cuda" else accelerator
    return f"{devices} x {name}"


def _logged_steps(
    writer: SummaryWriter, on_step: Callable[[StepReport], None]
) -> Callable[[StepReport], None]:
    def log(report: StepReport) -> None:
        done = report.epoch * report.steps + report.step
        if done % STEPS_A_LOG_POINT == 0:
            writer.add_scalar("train/loss", report.loss, done)
            writer.add_scalar("train/accuracy", report.accuracy, done)
            writer.add_scalar("train/images_per_s", report.images_per_s, done)
        on_step(report)

    return log


def _logged_epochs(
    writer: SummaryWriter, on_epoch: Callable[[EpochReport], None]
) -> Callable[[EpochReport], None]:
    def log(report: EpochReport) -> None:
        for token, accuracy in report.accuracy.items():
            writer.add_scalar(f"test/accuracy_{token}", accuracy, report.epoch)
        writer.flush()
        on_epoch(report)

    return log


def _write_card(
    weights_file: Path,
    recipe: Recipe,
    request: TrainingRequest,
    outcome: TrainingOutcome,
    about: dict[str, Any],
) -> None:
    card = model_card(
        recipe,
        seed=request.seed,
        accuracy=outcome.accuracy,
        seconds=outcome.seconds,
        command=request.command,
        weights_sha256=hashlib.sha256(weights_file.read_bytes()).hexdigest(),
        **about,
    )
    write_card(weights_file.with_suffix(".json"), card)
