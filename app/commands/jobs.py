"""`ipvit jobs`: evaluations on a service, from anywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from app.job_client import JobClient

FORMATS = ("json", "csv", "png")
FAILED = 1

Server = Annotated[
    str, typer.Option(envvar="IPVIT_SERVER", help="Address of the service.", show_default=True)
]
ApiKey = Annotated[
    str | None, typer.Option(envvar="IPVIT_API_KEY", help="Its API key, if it asks for one.")
]
JobId = Annotated[str, typer.Argument(help="Id from `ipvit jobs list`.")]
HERE = "http://127.0.0.1:8000"


def submit(
    experiment: Annotated[str, typer.Argument(help="A name of `ipvit evaluate list`.")],
    *,
    model: Annotated[list[str], typer.Option("--model", help="Model, repeatable.")],
    data: Annotated[str, typer.Option(help="A data set of the service.")],
    param: Annotated[
        list[str],
        typer.Option("--param", help="name=value, repeatable; lists with commas."),
    ] = [],
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    watch_it: Annotated[
        bool, typer.Option("--watch", help="Stay and watch it to its end.")
    ] = False,
    server: Server = HERE,
    api_key: ApiKey = None,
) -> None:
    """Submit an evaluation; its id goes to standard output."""
    from ipvit.experiments import EXPERIMENTS
    from ipvit.experiments.parameters import changed_params, parse_assignments

    params = changed_params(parse_assignments(EXPERIMENTS[experiment], param))
    submission = {
        "experiment": experiment,
        "models": model,
        "dataset": data,
        "params": params,
        "seed": seed,
    }
    with _client(server, api_key) as client:
        estimate = client.estimate(submission)
        job = client.submit(submission)
        _tell(
            f"{estimate['images']} images, about {estimate['seconds']:.0f} s by one worker; "
            f"watch it at {server.rstrip('/')}{job['links']['page']}"
        )
        print(job["id"])
        if watch_it:
            _watch(client, job["id"])


def list_jobs(
    *,
    state: Annotated[
        list[str], typer.Option(help="queued, running, succeeded, failed, cancelled; repeatable.")
    ] = [],
    experiment: Annotated[str | None, typer.Option(help="Only this experiment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 20,
    server: Server = HERE,
    api_key: ApiKey = None,
) -> None:
    """List the jobs of a service, newest first."""
    filters: dict[str, Any] = {"state": state, "limit": limit}
    if experiment is not None:
        filters["experiment"] = experiment
    with _client(server, api_key) as client:
        jobs = client.jobs(**filters)
    table = Table("id", "state", "done", "experiment", "models", "data set", "submitted", box=None)
    for job in jobs:
        progress = job["progress"]
        table.add_row(
            job["id"],
            job["state"],
            f"{100 * progress['done'] / progress['total']:.0f} %",
            job["experiment"],
            ", ".join(job["models"]),
            job["dataset"]["name"],
            job["created_at"][:16].replace("T", " "),
        )
    Console().print(table if jobs else "no jobs")


def watch(job_id: JobId, *, server: Server = HERE, api_key: ApiKey = None) -> None:
    """Watch a job to its end, also over a restart of the service."""
    with _client(server, api_key) as client:
        _watch(client, job_id)


def cancel(
    job_id: JobId,
    *,
    purge: Annotated[bool, typer.Option(help="Delete a finished job and its result.")] = False,
    server: Server = HERE,
    api_key: ApiKey = None,
) -> None:
    """Cancel a job; with --purge delete a finished one."""
    with _client(server, api_key) as client:
        job = client.cancel(job_id, purge=purge)
    print("deleted" if purge else job["state"])


def result(
    job_id: JobId,
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for result.json, .csv and .png; default: runs/EXPERIMENT-ID."),
    ] = None,
    partial: Annotated[bool, typer.Option(help="Take what is done of an unfinished job.")] = False,
    server: Server = HERE,
    api_key: ApiKey = None,
) -> None:
    """Fetch a job's numbers and chart."""
    with _client(server, api_key) as client:
        files = {kind: client.result(job_id, kind, partial=partial) for kind in FORMATS}
        folder = out or Path("runs") / f"{client.job(job_id)['experiment']}-{job_id}"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in files.items():
        (folder / f"result.{kind}").write_bytes(content)
    print(f"written to {folder}")


def _client(server: str, api_key: str | None) -> "JobClient":
    from app.job_client import JobClient

    return JobClient(server, api_key)


def _watch(client: "JobClient", job_id: str) -> None:
    """Show a bar; exit status 1 if the job does not succeed."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    state, why = "deleted", ""
    with Progress(
        *columns, TextColumn("{task.fields[speed]}"), console=Console(stderr=True)
    ) as progress:
        bar = progress.add_task("waiting", total=None, speed="")
        for job in client.watch(
            job_id, lambda: progress.update(bar, description="the service is away, trying again")
        ):
            state, why = job["state"], (job["error"] or {}).get("detail", "")
            done = job["progress"]
            progress.update(
                bar,
                description=state,
                completed=done["done"],
                total=done["total"],
                speed=_speed(done),
            )
    print(state)
    if state != "succeeded":
        if why:
            _tell(f"[red]error:[/red] {escape(why)}")
        raise typer.Exit(FAILED)


def _speed(progress: dict[str, Any]) -> str:
    if progress["images_per_s"] is None:
        return ""
    left = "" if progress["eta_s"] is None else f", {progress['eta_s']:.0f} s left"
    return f"{progress['images_per_s']:.1f} images/s{left}"


def _tell(words: str) -> None:
    Console(stderr=True).print(words, highlight=False, soft_wrap=True)
