"""`ipvit models`: list what exists, pull what is missing."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from app.settings import Settings


def list_models() -> None:
    """List every model, its input, and whether its weights are on this machine."""
    from app.catalogue import known_models
    from ipvit.models.loading import is_ready

    settings = Settings()
    table = Table("model", "family", "input", "grid", "tokens", "weights", box=None)
    for spec in known_models(settings).values():
        ready = is_ready(spec, settings.cache)
        table.add_row(
            spec.name,
            spec.family,
            f"{spec.input_px} px",
            str(spec.grid or "-"),
            ", ".join(spec.tokens) or "-",
            "[green]ready[/green]" if ready else "to pull",
        )
    console = Console()
    console.print(table)
    console.print("Fetch what is to pull with: ipvit models pull NAME", highlight=False)


def pull(
    names: Annotated[list[str], typer.Argument(help="Names from `ipvit models list`.")],
) -> None:
    """Download weights: resumes a broken download, checks the hash, converts once."""
    from app.catalogue import known_models
    from ipvit.models.download import pull as pull_weights

    settings = Settings()
    specs = [known_models(settings)[name] for name in names]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as progress:
        for spec in specs:
            bar = progress.add_task(spec.name, total=None)

            def report(done: int, total: int | None, bar: object = bar) -> None:
                progress.update(bar, completed=done, total=total)  # type: ignore[arg-type]

            path = pull_weights(spec, settings.cache, report)
            progress.console.print(f"{spec.name}: {path}")
