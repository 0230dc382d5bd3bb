"""Jobs over HTTP: the real app, its embedded evaluation thread, tiny models, the sample images."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.schemas.jobs import Estimate, ExperimentList, JobAnswer, JobList
from ipvit.experiments import EXPERIMENTS
from tests.waiting import finished, wait_for

SMALL: dict[str, Any] = {
    "experiment": "patch-drop",
    "models": ["tiny"],
    "dataset": "cifar10-sample",
    "params": {"ratios": [0.0, 0.5], "runs": 2},
}
LONG = SMALL | {"params": {"ratios": [0.5], "runs": 100}}
"""Takes long enough to be caught running."""


def submit(client: TestClient, **changes: Any) -> JobAnswer:
    answer = client.post("/jobs", json=SMALL | changes)
    assert answer.status_code == 202, answer.text
    job = JobAnswer.model_validate(answer.json())
    assert answer.headers["location"] == job.links.self == f"/jobs/{job.id}"
    return job


@pytest.fixture(scope="module")
def done(client: TestClient) -> JobAnswer:
    """A job of two models that has succeeded."""
    return finished(client, submit(client, models=["tiny", "tiny_shape"], seed=7).id)


@pytest.fixture
def running(client: TestClient) -> Iterator[JobAnswer]:
    """A job that is at work, and is cancelled in the end."""
    job = submit(client, **LONG)
    wait_for(lambda: client.get(job.links.self).json()["state"] == "running")
    yield job
    client.delete(job.links.self)


def test_experiments_describe_themselves(client: TestClient) -> None:
    listed = ExperimentList.model_validate(client.get("/experiments").json()).experiments
    assert [experiment.name for experiment in listed] == list(EXPERIMENTS)
    for experiment in listed:
        assert experiment.parameters["type"] == "object"
        for name, field in experiment.parameters["properties"].items():
            assert field["description"], (experiment.name, name)
        fits = {model.name: model for model in experiment.models}
        assert fits["tiny"].ready
        for fit in experiment.models:
            assert fit.why or (fit.ready and fit.supported)
    drop = {model.name: model for model in listed[0].models}
    assert drop["deit_s"].supported
    assert "ipvit models pull deit_s" in str(drop["deit_s"].why)


def test_a_job_runs_to_its_end(client: TestClient, done: JobAnswer) -> None:
    assert done.state == "succeeded"
    assert (done.progress.done, done.progress.total) == (800, 800)
    assert done.params["ratios"] == [0.0, 0.5]
    assert done.params["runs"] == 2
    assert (done.dataset.images, done.dataset.classes, done.failed_images) == (400, 10, 0)
    assert str(done.finished_at) > str(done.started_at) > done.created_at


def test_its_result_holds_all_that_is_needed_to_repeat_it(
    client: TestClient, done: JobAnswer
) -> None:
    record = client.get(done.links.result).json()
    assert record["seed"] == 7
    assert record["dataset"]["fingerprint"] == done.dataset.fingerprint
    assert [model["name"] for model in record["models"]] == ["tiny", "tiny_shape"]
    assert {row["images"] for row in record["rows"]} == {400}
    assert record["command"].startswith("ipvit evaluate patch-drop --model tiny")


def test_its_result_as_csv_and_as_a_picture(client: TestClient, done: JobAnswer) -> None:
    table = client.get(done.links.result, params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert f"patch-drop-{done.id}.csv" in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {row["model"] for row in rows} == {"tiny", "tiny_shape"}
    picture = client.get(done.links.result, params={"format": "png"})
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"


def test_the_estimate_is_measured_after_a_job(client: TestClient, done: JobAnswer) -> None:
    answer = client.post("/jobs/estimate", json=SMALL)
    found = Estimate.model_validate(answer.json())
    assert (found.images, found.forwards, found.basis) == (400, 1200, "measured")
    assert found.seconds > 0
    guess = client.post("/jobs/estimate", json=SMALL | {"models": ["tiny", "pocket_cnn"]}).json()
    assert guess["basis"] == "guess"


def events_of(text: str) -> list[tuple[str, Any]]:
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


def test_events_tell_a_job_from_its_beginning_to_its_end(client: TestClient) -> None:
    job = submit(client)
    answer = client.get(job.links.events)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer.text)
    jobs = [JobAnswer.model_validate(data) for kind, data in events if kind == "job"]
    assert jobs[-1] == JobAnswer.model_validate(client.get(job.links.self).json())
    progress = [job.progress.done for job in jobs]
    assert progress == sorted(progress)
    rows = [data for kind, data in events if kind == "rows"]
    assert [data["images"] for data in rows] == sorted(data["images"] for data in rows)
    assert rows[-1]["rows"] == client.get(job.links.result).json()["rows"]
    assert events[-1] == ("end", {"state": "succeeded"})


def test_events_of_a_finished_job_are_its_end(client: TestClient, done: JobAnswer) -> None:
    kinds = [kind for kind, _ in events_of(client.get(done.links.events).text)]
    assert kinds == ["job", "rows", "end"]


def test_jobs_are_listed_and_filtered(client: TestClient, done: JobAnswer) -> None:
    newer = finished(client, submit(client).id)
    page = JobList.model_validate(client.get("/jobs", params={"limit": 1}).json())
    assert [job.id for job in page.jobs] == [newer.id]
    assert page.next == newer.id
    rest = client.get("/jobs", params={"before": page.next, "state": ["succeeded", "failed"]})
    assert done.id in [job["id"] for job in rest.json()["jobs"]]
    assert rest.json()["next"] is None
    assert client.get("/jobs", params={"experiment": "placement"}).json()["jobs"] == []


def test_a_running_job_is_cancelled_and_frees_the_worker(
    client: TestClient, running: JobAnswer
) -> None:
    answer = client.delete(running.links.self)
    assert answer.status_code == 202
    cancelled = JobAnswer.model_validate(answer.json())
    assert (cancelled.state, cancelled.cancel_requested) == ("cancelled", True)
    assert client.delete(running.links.self).json() == answer.json()
    assert finished(client, submit(client).id).state == "succeeded"


def test_what_a_running_job_has_found(client: TestClient, running: JobAnswer) -> None:
    refusal = client.get(running.links.result)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "job_not_finished")
    wait_for(lambda: client.get(running.links.self).json()["progress"]["done"] >= 50)
    partial = wait_for(
        lambda: client.get(running.links.result, params={"partial": True}).json()["rows"]
    )
    assert 0 < partial[0]["images"] < 400


def test_a_finished_job_is_deleted_for_good(client: TestClient, running: JobAnswer) -> None:
    refusal = client.delete(running.links.self, params={"purge": True})
    assert (refusal.status_code, refusal.json()["field"]) == (422, "purge")
    client.delete(running.links.self)
    assert client.delete(running.links.self, params={"purge": True}).status_code == 202
    for path in (running.links.self, running.links.events, running.links.result):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


def test_a_default_saliency_model_becomes_part_of_the_job(client: TestClient) -> None:
    job = submit(client, params={"modes": ["salient"], "ratios": [0.5]})
    assert job.params["saliency_model"] == "tiny_shape"
    assert finished(client, job.id).state == "succeeded"


WRONG: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "experiment": ({"experiment": "patch-drip"}, 422, "unknown_name", "experiment"),
    "model": ({"models": ["pocket_diet"]}, 422, "unknown_name", "models"),
    "no model": ({"models": []}, 422, "invalid_input", "models"),
    "model twice": ({"models": ["tiny", "tiny"]}, 422, "invalid_input", "models"),
    "weights": ({"models": ["deit_s"]}, 409, "weights_unavailable", ""),
    "data set": ({"dataset": "cifar10-sampel"}, 422, "unknown_name", "dataset"),
    "path": ({"dataset": "../../etc"}, 422, "unknown_name", "dataset"),
    "no such parameter": ({"params": {"ratio": [0.5]}}, 422, "unknown_name", "params.ratio"),
    "parameter": ({"params": {"runs": 0}}, 422, "invalid_input", "params.runs"),
    "parameter's type": ({"params": {"runs": "many"}}, 422, "invalid_input", "params.runs"),
    "grid": ({"params": {"grids": ["7x7"]}}, 422, "invalid_grid", "params.grids"),
    "params": ({"params": 5}, 422, "invalid_input", "params"),
    "saliency model": (
        {"params": {"modes": ["salient"], "saliency_model": "pocket_cnn"}},
        422,
        "invalid_input",
        "params.saliency_model",
    ),
    "seed": ({"seed": -1}, 422, "invalid_input", "seed"),
    "large seed": ({"seed": 2**63}, 422, "invalid_input", "seed"),
    "field": ({"modles": ["tiny"]}, 422, "invalid_input", "modles"),
    "name of 5000 letters": ({"experiment": "x" * 5000}, 422, "invalid_input", "experiment"),
}


@pytest.mark.parametrize("path", ["/jobs", "/jobs/estimate"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_submission_is_refused(client: TestClient, path: str, name: str) -> None:
    changes, status, code, field = WRONG[name]
    problem = client.post(path, json=SMALL | changes)
    told = problem.json()
    assert (problem.status_code, told["code"], told.get("field", "")) == (status, code, field), told
    assert len(told["detail"]) < 2000


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"models": NaN}', "\x00", '"' * 1000])
def test_a_body_that_is_no_submission(client: TestClient, body: str) -> None:
    headers = {"content-type": "application/json"}
    problem = client.post("/jobs", content=body, headers=headers)
    assert problem.status_code in (400, 422), problem.text
    assert problem.headers["content-type"] == "application/problem+json"


def test_a_form_is_no_submission(client: TestClient) -> None:
    problem = client.post("/jobs", data={"experiment": "patch-drop"})
    assert (problem.status_code, problem.json()["code"]) == (415, "unsupported_media_type")
    assert "application/json" in problem.json()["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("state=done", "state"),
        ("limit=999", "limit"),
    ],
)
def test_a_wrong_query(client: TestClient, query: str, field: str) -> None:
    problem = client.get(f"/jobs?{query}")
    assert (problem.status_code, problem.json()["field"]) == (422, field)


@pytest.mark.parametrize("path", ["/jobs/nonsense", "/jobs/nonsense/events", "/jobs/x/result"])
def test_a_job_that_does_not_exist(client: TestClient, path: str) -> None:
    problem = client.get(path)
    assert (problem.status_code, problem.json()["code"]) == (404, "unknown_job")


def test_a_page_after_a_job_that_does_not_exist(client: TestClient) -> None:
    assert client.get("/jobs?before=nonsense").json()["code"] == "unknown_job"
