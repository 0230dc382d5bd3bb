"""`ipvit evaluate EXPERIMENT`: a whole data set in this process, with a progress bar."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from app.catalogue import Catalogue, known_models
from app.settings import Settings
from ipvit.datasets.catalogue import DatasetCatalogue, open_path
from ipvit.errors import InvalidInput, UnknownName
from ipvit.experiments import EXPERIMENTS

if TYPE_CHECKING:
    from ipvit.datasets.dataset import Dataset
    from ipvit.experiments.experiment import Experiment

LIST = "list"


def evaluate(
    experiment: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(EXPERIMENTS)}; `{LIST}` explains them and their parameters."
        ),
    ],
    *,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Model, repeatable; default: the server's.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Name from `ipvit datasets list`, or a folder of images.")
    ] = None,
    param: Annotated[
        list[str],
        typer.Option(
            "--param",
            help="name=value, repeatable; lists with commas, as ratios=0.1,0.5.",
        ),
    ] = [],
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    precision: Annotated[
        str | None, typer.Option(help="auto, fp32 or bf16; default: IPVIT_PRECISION.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda:0 …; default: IPVIT_DEVICE.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images in a forward pass; default: IPVIT_EVALUATION_BATCH."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for result.json, .csv and .png; default: runs/EXPERIMENT-TIME."),
    ] = None,
) -> None:
    """Evaluate models on a data set, and write numbers and chart."""
    if experiment == LIST:
        _list_experiments()
        return
    if experiment not in EXPERIMENTS:
        raise UnknownName("experiment", experiment, [*EXPERIMENTS, LIST])
    chosen = EXPERIMENTS[experiment]
    if data is None:
        raise typer.BadParameter("expected a data set", param_hint="--data")
    settings = _settings(precision, device, batch)
    folder = out or Path("runs") / f"{experiment}-{datetime.now():%Y%m%d-%H%M%S}"
    _check_writable(folder)
    result = _run(chosen, settings, model, data, param, seed)
    _write(result, folder)
    _print_rows(result)
    console = Console(highlight=False, soft_wrap=True)
    for entry in result["failed"]:
        console.print(f"[yellow]left out:[/yellow] {entry['path']}: {entry['error']}")
    console.print(f"written to {folder}")


def _settings(precision: str | None, device: str | None, batch: int | None) -> Settings:
    """The environment's, less what options say otherwise."""
    given = {"precision": precision, "device": device, "evaluation_batch": batch}
    changes = {name: value for name, value in given.items() if value is not None}
    if precision is not None and precision not in ("auto", "fp32", "bf16"):
        raise typer.BadParameter(
            f"expected auto, fp32 or bf16, got {precision!r}", param_hint="--precision"
        )
    return Settings().model_copy(update=changes)


def _check_writable(folder: Path) -> None:
    """Hours of computing must not end at a folder that cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"expected a folder to write to, got {folder}: {error}") from error


def _run(
    experiment: "Experiment",
    settings: Settings,
    models: list[str] | None,
    data: str,
    assignments: list[str],
    seed: int,
) -> dict[str, Any]:
    from ipvit.datasets.decode_cache import PixelStore
    from ipvit.experiments.local import LocalRun
    from ipvit.experiments.parameters import parse_assignments

    params = parse_assignments(experiment, assignments)
    specs = known_models(settings)
    catalogue = Catalogue(settings, specs)
    names = models or catalogue.default_models()
    catalogue.require_ready(name for name in names if name in specs)
    dataset = _open(data, settings)
    run = LocalRun(
        specs,
        settings.cache,
        precision=settings.precision,
        device=settings.device,
        batch_images=settings.evaluation_batch,
        saliency_model=catalogue.default_saliency_model(),
    )
    with (
        PixelStore(dataset, settings.cache, settings.decode_cache_bytes) as pixels,
        _progress(len(dataset)) as on_progress,
    ):
        return run.evaluate(
            experiment,
            params,
            names,
            dataset,
            pixels,
            seed=seed,
            data=data,
            on_progress=on_progress,
        )


def _open(data: str, settings: Settings) -> "Dataset":
    """A data set by name, or else by folder; indexing a large one takes a while."""
    catalogue = DatasetCatalogue(settings.data_dir, settings.cache)
    with Console(stderr=True).status(f"reading {data}"):
        try:
            return catalogue.open(data)
        except UnknownName:
            if Path(data).expanduser().is_dir():
                return open_path(Path(data), settings.cache)
            raise


@contextmanager
def _progress(images: int) -> Iterator[Callable[[str, int], None]]:
    """One bar a model, with images a second and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, Any] = {}
        started_s: dict[str, float] = {}

        def note(model: str, done: int) -> None:
            if model not in bars:
                bars[model] = progress.add_task(model, total=images, speed="")
                started_s[model] = time.perf_counter()
            elapsed_s = time.perf_counter() - started_s[model]
            speed = f"{done / elapsed_s:.1f} images/s" if done and elapsed_s > 0 else ""
            progress.update(bars[model], completed=done, speed=speed)

        yield note


def _write(result: Mapping[str, Any], folder: Path) -> None:
    from ipvit.experiments.figure import draw
    from ipvit.experiments.table import to_csv

    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "result.csv").write_text(to_csv(result), encoding="utf-8")
    (folder / "result.png").write_bytes(draw([result]))


def _print_rows(result: Mapping[str, Any]) -> None:
    """The rows of the metric that the chart shows; what is the same in all of them, once."""
    shown = [row for row in result["rows"] if row["metric"] == result["plot"]["metric"]]
    names = dict.fromkeys(name for row in shown for name in row["condition"])
    values = {name: {str(row["condition"].get(name, "")) for row in shown} for name in names}
    conditions = [name for name in names if len(values[name]) > 1]
    same = ", ".join(f"{name} {min(values[name])}" for name in names if name not in conditions)
    longest = max((len(row["model"]) for row in shown), default=0)
    table = Table(
        Column("model", min_width=longest),
        *conditions,
        result["plot"]["metric"],
        "95 %",
        "paper",
        box=None,
        caption=same or None,
        caption_justify="left",
    )
    for row in shown:
        interval = "" if row["low95"] is None else f"{row['low95']:.2f} to {row['high95']:.2f}"
        table.add_row(
            row["model"],
            *(str(row["condition"].get(name, "")) for name in conditions),
            "–" if row["value"] is None else f"{row['value']:.2f}",
            interval,
            f"{row['paper']['value']:g}" if row["paper"] else "",
        )
    Console().print(table)


def _list_experiments() -> None:
    console = Console(highlight=False)
    for experiment in EXPERIMENTS.values():
        console.print(f"[bold]{experiment.name}[/bold]  {experiment.title} ({experiment.paper})")
        console.print(f"  {experiment.summary}")
        for name, field in experiment.parameters.model_fields.items():
            default = experiment.parameters.model_json_schema()["properties"][name].get("default")
            words = ",".join(map(str, default)) if isinstance(default, list) else default
            console.print(f"  [cyan]{name}[/cyan]={words}  {field.description}", markup=True)
        console.print()
