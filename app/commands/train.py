"""`ipvit train`: run a training recipe on a folder of images."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ipvit.training.recipes import RECIPES

if TYPE_CHECKING:
    from ipvit.training.loop import StepReport
    from ipvit.training.run import Listeners
    from ipvit.training.session import EpochReport

RECIPE_NAMES = ", ".join(RECIPES)


def train(
    recipe: Annotated[str, typer.Argument(help=f"One of {RECIPE_NAMES}; `list` explains them.")],
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/ and test/ class folders, or a CIFAR layout."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoint, logs, weights; runs/RECIPE.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every random draw.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Registered model or .safetensors with a card; instead of the recipe's."),
    ] = None,
    init_from: Annotated[
        str | None, typer.Option(help="Start from these weights; named as for --teacher.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in OUT.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many devices share a batch.")] = 1,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
) -> None:
    """Train a model: weights and a model card are written to OUT."""
    if recipe == "list":
        _list_recipes()
        return
    chosen = RECIPES[recipe]
    if data is None:
        raise typer.BadParameter("expected a folder of images", param_hint="--data")
    from app.settings import Settings
    from ipvit.training.run import TrainingRequest, train_recipe

    request = TrainingRequest(
        recipe=chosen,
        data_dir=data,
        out_dir=out or Path("runs") / recipe,
        cache_dir=Settings().cache,
        seed=seed,
        device=device,
        devices=devices,
        precision=precision,
        resume=resume,
        teacher=teacher,
        init_from=init_from,
        epochs=epochs,
        command=shlex.join(["ipvit", *sys.argv[1:]]),
    )
    with _progress() as listeners:
        weights_file = train_recipe(request, listeners)
    Console().print(f"weights: {weights_file}\ncard: {weights_file.with_suffix('.json')}")


def _list_recipes() -> None:
    table = Table("recipe", "epochs", "what", box=None)
    for recipe in RECIPES.values():
        table.add_row(recipe.name, str(recipe.epochs), recipe.summary)
    Console().print(table)


@contextmanager
def _progress() -> Iterator["Listeners"]:
    """One bar for decoding, one for each epoch, and a line after each epoch."""
    from ipvit.training.run import Listeners

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[numbers]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("decoding", total=None, numbers="")

        def on_decode(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        def on_step(report: "StepReport") -> None:
            progress.update(
                bar,
                description=f"epoch {report.epoch + 1}",
                completed=report.step + 1,
                total=report.steps,
                numbers=f"loss {report.loss:.3f}, accuracy {report.accuracy:.1%}, "
                f"{report.images_per_s:.0f} images/s",
            )

        def on_epoch(report: "EpochReport") -> None:
            progress.reset(bar)
            remaining_s = report.seconds / report.epoch * (report.epochs - report.epoch)
            accuracy = ", ".join(f"{token} {value:.2%}" for token, value in report.accuracy.items())
            progress.console.print(
                f"epoch {report.epoch}/{report.epochs}: loss {report.loss:.4f}, test {accuracy}, "
                f"{report.seconds / 60:.1f} min, {remaining_s / 60:.1f} min left"
            )

        yield Listeners(on_decode, on_step, on_epoch)
