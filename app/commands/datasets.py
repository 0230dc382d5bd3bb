"""`ipvit datasets`: list what there is, add a folder or zip, check that every image decodes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.settings import Settings
from ipvit.errors import InvalidDataset, InvalidInput, UnknownName

if TYPE_CHECKING:
    from ipvit.datasets.catalogue import DatasetCatalogue, DatasetInfo
    from ipvit.datasets.index import IndexedDataset

_MOST_SHOWN = 20


def list_datasets() -> None:
    """List the data sets that ship and those in the data folder."""
    settings = Settings()
    table = Table("data set", "kind", "images", "classes", "for", "from", box=None)
    for info in _catalogue(settings).list():
        table.add_row(
            info.name,
            info.kind or "-",
            "to count" if info.images is None and info.problem is None else _shown(info.images),
            _shown(info.classes),
            info.problem or _uses(info),
            "shipped" if info.source == "sample" else str(settings.data_dir),
        )
    console = Console()
    console.print(table)
    console.print("Add your own with: ipvit datasets add PATH", highlight=False)


def add(
    path: Annotated[Path, typer.Argument(help="A folder of images, or a zip of one.")],
    name: Annotated[
        str | None, typer.Option(help="What it will be called; default: the folder's own name.")
    ] = None,
) -> None:
    """Put a data set into the data folder: a zip is unpacked, a folder is linked to."""
    from ipvit.datasets.intake import add_folder, add_zip
    from ipvit.datasets.zip_intake import ZipLimits

    settings = Settings()
    path = path.expanduser()
    # Whoever may write to the data folder needs no small limits; a bomb is still refused.
    limits = ZipLimits(max_files=10**7, max_file_bytes=10**8, max_total_bytes=10**13)
    if path.is_dir():
        name = name or path.resolve().name
        add_folder(name, path, settings.data_dir)
    elif path.is_file():
        name = name or path.stem
        with _bar("unpacking") as progress:
            add_zip(name, path, settings.data_dir, limits=limits, progress=progress)
    else:
        raise InvalidInput(f"expected a folder or a zip, nothing is at {str(path)!r}", field="path")
    catalogue = _catalogue(settings)
    added = [info.name for info in catalogue.list() if info.name.split("/")[0] == name]
    for added_name in added:
        _describe(_indexed(added_name, settings))


def check(
    data: Annotated[str, typer.Argument(help="A name from `ipvit datasets list`, or a folder.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Also check that its classes are this model's.")
    ] = None,
) -> None:
    """Read every image and mask, and say which cannot be read; exit status 1 if any."""
    settings = Settings()
    dataset = _indexed(data, settings)
    _describe(dataset)
    _check_classes(dataset, model or [], settings)
    failures = _failures(dataset)
    console = Console()
    for path, why in failures[:_MOST_SHOWN]:
        console.print(f"{path}: {why}", markup=False, highlight=False)
    if len(failures) > _MOST_SHOWN:
        console.print(f"and {len(failures) - _MOST_SHOWN} more")
    if failures:
        raise InvalidDataset(f"{len(failures)} of {len(dataset)} images cannot be read")
    console.print("every image can be read")


def _catalogue(settings: Settings) -> "DatasetCatalogue":
    from ipvit.datasets.catalogue import DatasetCatalogue

    return DatasetCatalogue(settings.data_dir, settings.cache)


def _indexed(data: str, settings: Settings) -> "IndexedDataset":
    """A data set by name, or else by folder, with a bar while it is indexed."""
    from ipvit.datasets.catalogue import open_path

    with _bar("indexing") as progress:
        try:
            return _catalogue(settings).open(data, progress)
        except UnknownName:
            if Path(data).expanduser().is_dir():
                return open_path(Path(data), settings.cache, progress)
            raise


def _describe(dataset: "IndexedDataset") -> None:
    masks = ", masks" if dataset.has_masks else ""
    Console().print(
        f"{dataset.name}: {len(dataset)} images, {len(dataset.classes)} classes{masks}, "
        f"fingerprint {dataset.fingerprint[:12]}",
        highlight=False,
    )


def _check_classes(dataset: "IndexedDataset", models: list[str], settings: Settings) -> None:
    from app.catalogue import known_models
    from ipvit.datasets.label_mapping import map_labels

    if models and not dataset.has_labels:
        raise InvalidDataset(f"data set {dataset.name!r} has no labels to compare with a model's")
    specs = known_models(settings)
    for name in models:
        map_labels(dataset, specs[name])
        Console().print(f"its classes are classes of {name}", highlight=False)


def _failures(dataset: "IndexedDataset") -> list[tuple[str, str]]:
    """Path and reason of each image and mask that cannot be read."""
    from ipvit.datasets.readability import unreadable

    with _bar("reading") as progress:
        return list(unreadable(dataset, progress))


def _uses(info: "DatasetInfo") -> str:
    uses = ("labels", info.has_labels), ("masks", info.has_masks)
    return ", ".join(use for use, there in uses if there) or "-"


def _shown(count: int | None) -> str:
    return str(count) if count else "-"


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that shows itself only once there is progress."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task(what, total=None, visible=False)

        def report(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total, visible=True)

        yield report
