"""`ipvit stylize`: make a stylised copy of a data set."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ipvit.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

METHODS = ("adain", "fourier")


def stylize(
    *,
    data: Annotated[Path, typer.Option(help="Folder of images, or a CIFAR layout.")],
    out: Annotated[Path, typer.Option(help="Folder of the copy; the same command resumes it.")],
    method: Annotated[str, typer.Option(help="adain (needs weights) or fourier.")] = "fourier",
    styles: Annotated[
        Path | None, typer.Option(help="Folder of style images; default: the data's own.")
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="Share of the style.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Decides which style an image takes.")] = 0,
    shorter_px: Annotated[
        int | None, typer.Option(min=8, help="Reduce the shorter side to this first, in pixels.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="adain: path or URL of the encoder.")] = None,
    decoder: Annotated[str | None, typer.Option(help="adain: path or URL of the decoder.")] = None,
    image_format: Annotated[str, typer.Option("--format", help="png or jpg.")] = "png",
    threads: Annotated[int, typer.Option(min=1, help="Images at a time.")] = os.cpu_count() or 1,
) -> None:
    """Copy a data set with every image in another image's style."""
    from ipvit.training.stylised_copy import StylisedCopy, copy_stylised

    if image_format not in ("png", "jpg"):
        raise InvalidInput(f"expected format png or jpg, got {image_format!r}", field="format")
    transfer = _transfer(method, strength, encoder, decoder)
    job = StylisedCopy(
        data_dir=data,
        out_dir=out,
        method=f"{method}, strength {strength:g}",
        seed=seed,
        styles_dir=styles,
        shorter_px=shorter_px,
        suffix=f".{image_format}",
        threads=threads,
    )
    columns = (TextColumn("stylising"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("stylising", total=None)
        made = copy_stylised(
            job, transfer, lambda done, total: progress.update(bar, completed=done, total=total)
        )
    Console().print(f"{made} images made in {out}")


def _transfer(
    method: str, strength: float, encoder: str | None, decoder: str | None
) -> Callable[["Tensor", "Tensor"], "Tensor"]:
    """The style transfer asked for; InvalidInput if it is unknown or lacks its weights."""
    if method == "fourier":
        from ipvit.training.fourier import exchange_amplitude

        return lambda content, style: exchange_amplitude(content, style, strength, periodic=True)
    if method == "adain":
        from app.settings import Settings
        from ipvit.training.adain import load_adain

        if encoder is None or decoder is None:
            raise InvalidInput("adain needs --encoder and --decoder weights", field="encoder")
        network = load_adain(encoder, decoder, Settings().cache)
        return lambda content, style: network(content, style, strength)
    raise InvalidInput(f"expected method {' or '.join(METHODS)}, got {method!r}", field="method")
