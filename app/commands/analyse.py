"""`ipvit predict | occlude | shuffle | attention | segment IMAGE`: one image, in this process.

Each command fills the parameters of its analysis and runs the very task that the HTTP API runs.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.backends import create_backend
from app.catalogue import Catalogue, known_models
from app.settings import Settings
from ipvit.analyses import parameters
from ipvit.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEADLINE_S = 3600.0

Image = Annotated[Path, typer.Argument(help="JPEG, PNG, WebP, BMP or GIF file.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Model, repeatable; default: the server's.")
]
TopK = Annotated[int, typer.Option(help="Classes answered, the likeliest first.")]
Seeds = Annotated[list[int], typer.Option("--seed", help="One draw each, repeatable.")]
Out = Annotated[Path | None, typer.Option(help="Write the picture to this PNG file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]


def predict(image: Image, model: Models = None, top_k: TopK = 5, as_json: AsJson = False) -> None:
    """Predict the classes of an image."""
    answer = _answer("predict", parameters.PredictParams(_names(model), top_k), image)
    if _printed_json(answer, as_json):
        return
    table = Table("model", "label", "probability", box=None)
    for entry in answer["models"]:
        for guess in entry["top"]:
            table.add_row(entry["model"], guess["label"], f"{guess['probability']:.3f}")
    Console().print(table)


def occlude(
    image: Image,
    model: Models = None,
    mode: Annotated[str, typer.Option(help="random, salient, non_salient or custom.")] = "random",
    ratio: Annotated[
        list[float], typer.Option(help="Share dropped: of patches, or of attention mass.")
    ] = [0.5],
    grid: Annotated[str | None, typer.Option(help="Rows x columns, as 14x14.")] = None,
    offset_px: Annotated[int, typer.Option(help="Pixels the mask is moved by.")] = 0,
    seed: Seeds = [0],
    mask: Annotated[Path | None, typer.Option(help="PNG mask for --mode custom.")] = None,
    top_k: TopK = 5,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Drop patches of an image and see what the prediction becomes."""
    params = parameters.OccludeParams(
        _names(model), mode, ratio, grid, offset_px, seed, top_k, include_images=False
    )
    files = {} if mask is None else {"mask": mask}
    answer = _answer("occlude", params, image, out, files)
    if _printed_json(answer, as_json):
        return
    columns = ("model", "dropped", "information loss", "clean label", "label", "kept")
    table = Table(*columns, box=None)
    for entry in answer["models"]:
        for result in entry["results"]:
            table.add_row(
                entry["model"],
                f"{result['dropped_patches']} of {result['patches']}",
                f"{result['information_loss']:.2f}",
                *_change(entry, result),
            )
    Console().print(table)


def shuffle(
    image: Image,
    model: Models = None,
    grid: Annotated[list[str] | None, typer.Option(help="Rows x columns, repeatable.")] = None,
    seed: Seeds = [0],
    top_k: TopK = 5,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Permute the cells of an image and see what the prediction becomes."""
    params = parameters.ShuffleParams(
        _names(model), tuple(grid or ()), seed, top_k, include_images=False
    )
    answer = _answer("shuffle", params, image, out)
    if _printed_json(answer, as_json):
        return
    table = Table("model", "grid", "seed", "clean label", "label", "kept", box=None)
    for entry in answer["models"]:
        for result in entry["results"]:
            table.add_row(
                entry["model"], result["grid"], str(result["seed"]), *_change(entry, result)
            )
    Console().print(table)


def attention(
    image: Image,
    model: Models = None,
    layer: Annotated[list[int], typer.Option(help="Block, 0-based; -1 is the last.")] = [-1],
    head: Annotated[list[int] | None, typer.Option(help="Head, 0-based; default all.")] = None,
    token: Annotated[str, typer.Option(help="cls or shape.")] = "cls",
    method: Annotated[str, typer.Option(help="raw or rollout.")] = "raw",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Show where a token attends."""
    params = parameters.AttentionParams(_names(model), layer, tuple(head or ()), token, method)
    answer = _answer("attention", params, image, out)
    if _printed_json(answer, as_json):
        return
    table = Table("model", "layer", "head", "most attended patch (row, column)", "weight", box=None)
    for entry in answer["models"]:
        for found in entry["maps"]:
            weights = [
                (weight, (row, column))
                for row, line in enumerate(found["weights"])
                for column, weight in enumerate(line)
            ]
            weight, cell = max(weights)
            name = "all" if found["head"] is None else str(found["head"])
            table.add_row(entry["model"], str(found["layer"]), name, str(cell), f"{weight:.3f}")
    Console().print(table)


def segment(
    image: Image,
    model: Models = None,
    token: Annotated[str, typer.Option(help="cls or shape.")] = "cls",
    threshold: Annotated[float, typer.Option(help="Attention mass that is foreground.")] = 0.9,
    ground_truth: Annotated[
        Path | None, typer.Option(help="PNG of object indices; 0 background, 255 void.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Segment an image by the attention of its class or shape token."""
    params = parameters.SegmentParams(_names(model), token, threshold, include_images=False)
    files = {} if ground_truth is None else {"ground_truth": ground_truth}
    answer = _answer("segment", params, image, out, files)
    if _printed_json(answer, as_json):
        return
    table = Table("model", "head", "coverage", "Jaccard", "chosen", box=None)
    for entry in answer["models"]:
        for found in entry["heads"]:
            score = "-" if found["jaccard"] is None else f"{found['jaccard']:.3f}"
            chosen = "yes" if found["head"] == entry["chosen"]["head"] else ""
            coverage = f"{found['coverage']:.2f}"
            table.add_row(entry["model"], str(found["head"]), coverage, score, chosen)
    Console().print(table)


def _names(models: list[str] | None) -> list[str]:
    """The models asked for, or the one that a server would take."""
    settings = Settings()
    return models or Catalogue(settings, known_models(settings)).default_models()


def _change(entry: dict[str, Any], result: dict[str, Any]) -> tuple[str, str, str]:
    """Columns that set the clean prediction beside the perturbed one."""
    clean, now = entry["clean"]["top"][0], result["top"][0]
    return (
        f"{clean['label']} {clean['probability']:.2f}",
        f"{now['label']} {now['probability']:.2f}",
        "yes" if result["prediction_kept"] else "no",
    )


def _printed_json(answer: dict[str, Any], as_json: bool) -> bool:
    if as_json:
        print(json.dumps(answer, indent=2))
    return as_json


def _answer(
    task: str,
    params: "DataclassInstance",
    image: Path,
    out: Path | None = None,
    files: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Run `task` in this process; with `out`, once more for the picture."""
    paths = {"image": image, **(files or {})}
    blobs = {name: _read(path, name) for name, path in paths.items()}
    return asyncio.run(_run(task, asdict(params), blobs, out))


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"expected a readable file as {field}, got {error}") from error


async def _run(
    task: str, params: dict[str, Any], blobs: dict[str, bytes], out: Path | None
) -> dict[str, Any]:
    settings = Settings(models=params["models"])
    backend = create_backend(settings, known_models(settings))
    with Console(stderr=True).status("loading models"):
        await backend.start()
        try:
            answer = await backend.run(task, params, blobs, deadline_s=DEADLINE_S)
            if out is not None:
                picture = {**params, "composite": True}
                drawn = await backend.run(task, picture, blobs, deadline_s=DEADLINE_S)
                out.write_bytes(base64.b64decode(drawn["png"]))
        finally:
            await backend.close()
    return answer
