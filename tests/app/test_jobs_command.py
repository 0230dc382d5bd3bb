"""`ipvit jobs` against a real server."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.factory import create_app
from app.job_client import ServerRefused, ServerUnreachable
from ipvit.errors import InvalidInput, UnknownName
from tests.conftest import TINY_SPECS, serving, tiny_settings

SUBMIT = ("submit", "patch-drop", "--model", "tiny", "--data", "cifar10-sample")


def jobs(server: str, *words: str, status: int = 0) -> str:
    """Standard output of `ipvit jobs`."""
    environment = {"IPVIT_SERVER": server, "COLUMNS": "200"}
    answer = CliRunner().invoke(app, ["jobs", *words], env=environment, catch_exceptions=True)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    assert answer.exit_code == status, answer.output
    return answer.stdout


def test_submit_watch_list_and_fetch(tiny_server: str, tmp_path: Path) -> None:
    words = ("--param", "ratios=0,0.5", "--param", "runs=2", "--seed", "3", "--watch")
    job_id, state = jobs(tiny_server, *SUBMIT, *words).split()
    assert state == "succeeded"
    assert jobs(tiny_server, "watch", job_id).strip() == "succeeded"
    line = next(line for line in jobs(tiny_server, "list").splitlines() if job_id in line)
    assert "succeeded" in line
    assert "100 %" in line
    assert str(tmp_path) in jobs(tiny_server, "result", job_id, "--out", str(tmp_path))
    record = json.loads((tmp_path / "result.json").read_text())
    assert (record["seed"], record["params"]["runs"]) == (3, 2)
    assert (tmp_path / "result.csv").read_text().startswith("experiment,")
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")
    assert jobs(tiny_server, "cancel", job_id, "--purge").strip() == "deleted"
    with pytest.raises(ServerRefused, match=job_id):
        jobs(tiny_server, "watch", job_id)


def test_cancel(tiny_server: str) -> None:
    job_id = jobs(tiny_server, *SUBMIT, "--param", "runs=100").strip()
    with pytest.raises(ServerRefused, match="expected a job that succeeded"):
        jobs(tiny_server, "result", job_id)
    assert jobs(tiny_server, "cancel", job_id).strip() == "cancelled"
    assert jobs(tiny_server, "watch", job_id, status=1).strip() == "cancelled"
    assert job_id in jobs(tiny_server, "list", "--state", "cancelled")


def test_what_is_wrong_is_said_before_anything_is_sent(tiny_server: str) -> None:
    with pytest.raises(UnknownName, match="patch-drop"):
        jobs(tiny_server, "submit", "patch-drip", "--model", "tiny", "--data", "cifar10-sample")
    with pytest.raises(InvalidInput, match="runs"):
        jobs(tiny_server, *SUBMIT, "--param", "runs=0")


def test_what_the_server_refuses_is_said(tiny_server: str) -> None:
    with pytest.raises(ServerRefused, match="did you mean tiny"):
        jobs(tiny_server, "submit", "patch-drop", "--model", "tinny", "--data", "cifar10-sample")
    with pytest.raises(ServerRefused, match="state"):
        jobs(tiny_server, "list", "--state", "done")


@pytest.mark.parametrize("server", ["http://127.0.0.1:9", "nonsense"])
def test_no_server(server: str) -> None:
    with pytest.raises(ServerUnreachable, match="ipvit serve"):
        jobs(server, "list")


def test_a_key_is_sent(cache: Path) -> None:
    settings = tiny_settings(cache / "keyed", api_keys=("secret",), models=("tiny",))
    with serving(create_app(settings, extra_specs=TINY_SPECS)) as url:
        with pytest.raises(ServerRefused, match="X-API-Key"):
            jobs(url, "list")
        assert jobs(url, "list", "--api-key", "secret").strip() == "no jobs"


def test_an_answer_of_something_else_is_not_taken_for_ours(tiny_server: str) -> None:
    assert httpx.get(f"{tiny_server}/static/none").status_code == 404
    with pytest.raises(ServerRefused, match="nothing is at"):
        jobs(f"{tiny_server}/static", "list")
