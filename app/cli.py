"""`ipvit`: the same lab from the command line.

Each command lives in `app.commands`; this module only gathers them. Nothing heavy is imported
until a command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from app.commands import analyse, datasets, evaluate, jobs, models, serve, stylize, train, worker
from ipvit.errors import IPViTError

app = typer.Typer(
    name="ipvit",
    help="See and measure the intriguing properties of vision transformers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="The models: what exists, what is ready.", no_args_is_help=True)
jobs_app = typer.Typer(help="Evaluations on a service: submit, watch, fetch.", no_args_is_help=True)
app.add_typer(models_app, name="models")
datasets_app = typer.Typer(help="The data sets: what exists, add your own.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")
app.add_typer(jobs_app, name="jobs")

app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("predict")(analyse.predict)
app.command("occlude")(analyse.occlude)
app.command("shuffle")(analyse.shuffle)
app.command("attention")(analyse.attention)
app.command("segment")(analyse.segment)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.command("stylize")(stylize.stylize)
jobs_app.command("submit")(jobs.submit)
jobs_app.command("list")(jobs.list_jobs)
jobs_app.command("watch")(jobs.watch)
jobs_app.command("cancel")(jobs.cancel)
jobs_app.command("result")(jobs.result)
models_app.command("list")(models.list_models)
models_app.command("pull")(models.pull)
datasets_app.command("list")(datasets.list_datasets)
datasets_app.command("add")(datasets.add)
datasets_app.command("check")(datasets.check)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Turn the project's own errors into one line on stderr and exit status 1."""
    try:
        yield
    except IPViTError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False)
        raise SystemExit(1) from error


def main() -> None:
    """The console script."""
    with _errors_as_messages():
        app()
