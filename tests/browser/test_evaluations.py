"""Evaluations in a real browser: submit, watch, reload, cancel, compare, take along."""

import csv
import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Models, Watch
from tests.browser.evaluations_page import (
    DEADLINE_S,
    TITLE,
    EvaluationsPage,
    JobPage,
    submit,
    wait_for_end,
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LONG = {"runs": 100, "ratios": [0.1, 0.3, 0.5, 0.7, 0.9]}
"""Parameters of a job that nobody waits for."""

MIDDLE = {"runs": 2, "ratios": [0.1, 0.5, 0.9]}
"""Parameters of a job that has numbers long before its end."""


@pytest.fixture(scope="session")
def finished(server_url: str, models: Models) -> tuple[str, str]:
    """Two jobs that have ended, of different seeds."""
    few = {"ratios": [0, 0.5], "runs": 1}
    ids = [submit(server_url, models=[models.transformer], seed=seed, **few) for seed in (0, 1)]
    for job_id in ids:
        assert wait_for_end(server_url, job_id)["state"] == "succeeded"
    return ids[0], ids[1]


@pytest.fixture
def unfinished(server_url: str, models: Models) -> Iterator[str]:
    """A job that would take long; cancelled afterwards."""
    job_id = submit(server_url, models=[models.transformer], **LONG)
    yield job_id
    httpx.delete(f"{server_url}/jobs/{job_id}")
    wait_for_end(server_url, job_id)


def test_submit_watch_to_the_end_and_take_it_along(
    page: Page, server_url: str, models: Models
) -> None:
    evaluations = EvaluationsPage(page).open().open_form()
    page.get_by_role("radio", name=TITLE).check()
    evaluations.choose_models(models.transformer)
    page.get_by_label("Ratios").fill("0, 0.25, 0.5")
    page.get_by_label("Runs").fill("2")
    page.get_by_label("Seed").fill("3")
    expect(evaluations.estimate).to_contain_text("400 images × 1 model: 2,000 forward passes")
    job = evaluations.start()
    job.wait_until("Done")
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(job.canvas).to_be_visible()
    job.show_numbers()
    expect(job.lines).to_have_count(3)

    answer = httpx.get(f"{server_url}/jobs/{job.id}/result").json()
    assert (answer["seed"], answer["params"]["ratios"]) == (3, [0, 0.25, 0.5])
    top1 = [row["value"] for row in answer["rows"] if row["metric"] == "top1"]
    for line, value in zip(job.lines.all(), top1, strict=True):
        expect(line).to_contain_text(f"{value:.1f}")
    expect(page.locator("[data-command]")).to_have_text(answer["command"])
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    assert json.loads(saved.value.path().read_text()) == answer
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    assert saved.value.suggested_filename == f"patch-drop-{job.id}.csv"
    with saved.value.path().open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(answer["rows"])
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download figure").click()
    assert saved.value.path().read_bytes().startswith(PNG_SIGNATURE)
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("() => navigator.clipboard.readText()") == page.url


def test_a_reload_in_the_middle_shows_the_same(page: Page, server_url: str, models: Models) -> None:
    job = JobPage(page).open(submit(server_url, models=[models.transformer], **MIDDLE))
    expect(job.canvas).to_be_visible()
    expect(job.legend).to_have_count(1)
    page.reload()
    expect(job.canvas).to_be_visible()
    expect(job.legend).to_have_count(1)
    job.wait_until("Done")
    job.show_numbers()
    expect(job.lines).to_have_count(len(MIDDLE["ratios"]))  # type: ignore[arg-type]
    expect(job.lines.first).to_contain_text("400")


def test_cancel_asks_once_and_takes_effect(page: Page, unfinished: str) -> None:
    job = JobPage(page).open(unfinished)
    job.wait_until("Running")
    job.stop.click()
    expect(job.dialog).to_contain_text("Stop this evaluation?")
    job.dialog.get_by_role("button", name="Let it run").click()
    expect(job.state).to_have_text("Running")
    job.stop.click()
    job.dialog.get_by_role("button", name="Stop it").click()
    job.wait_until("Stopped")
    expect(job.stop).to_be_hidden()
    expect(page.get_by_role("link", name="Run again with changes")).to_be_visible()


def test_two_can_be_compared(page: Page, finished: tuple[str, str]) -> None:
    evaluations = EvaluationsPage(page).open()
    for job_id in finished:
        evaluations.line(job_id).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare 2 evaluations").click()
    page.wait_for_url("**/evaluations/compare?*")
    job = JobPage(page)
    expect(job.canvas).to_be_visible()
    expect(page.locator(".compare-jobs li")).to_have_count(2)
    expect(job.legend).to_have_text(["seed 0", "seed 1"])
    job.show_numbers()
    expect(job.lines).to_have_count(4)
    job.legend.first.click()
    expect(job.legend.first).to_have_attribute("aria-pressed", "false")


def test_a_job_can_be_run_again_with_changes(
    page: Page, finished: tuple[str, str], models: Models
) -> None:
    JobPage(page).open(finished[1])
    page.get_by_role("link", name="Run again with changes").click()
    evaluations = EvaluationsPage(page)
    expect(evaluations.form).to_be_visible()
    expect(page.get_by_role("radio", name=TITLE)).to_be_checked()
    expect(page.get_by_label("Ratios")).to_have_value("0, 0.5")
    expect(page.get_by_label("Runs")).to_have_value("1")
    expect(page.get_by_label("Seed")).to_have_value("1")
    chosen = evaluations.form.locator('input[name="model"]:checked')
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_value(models.transformer)


def test_a_job_can_be_deleted(page: Page, server_url: str, models: Models) -> None:
    job_id = submit(server_url, models=[models.transformer], ratios=[0], runs=1)
    wait_for_end(server_url, job_id)
    job = JobPage(page).open(job_id)
    page.get_by_role("button", name="Delete").click()
    job.dialog.get_by_role("button", name="Delete it").click()
    page.wait_for_url("**/evaluations")
    assert httpx.get(f"{server_url}/jobs/{job_id}").status_code == 404


def test_the_list_follows_and_filters(
    page: Page, unfinished: str, finished: tuple[str, str]
) -> None:
    evaluations = EvaluationsPage(page).open()
    badge = evaluations.line(unfinished).locator(".state-badge")
    expect(badge).to_have_text("Running", timeout=DEADLINE_S * 1000)
    page.get_by_role("radio", name="done").check()
    expect(evaluations.line(unfinished)).to_be_hidden()
    expect(evaluations.line(finished[0])).to_be_visible()
    page.get_by_role("radio", name="in progress").check()
    expect(evaluations.line(unfinished)).to_be_visible()
    expect(evaluations.line(finished[0])).to_be_hidden()
    page.get_by_label("Experiment", exact=True).select_option("placement")
    expect(page.get_by_text("No evaluation matches")).to_be_visible()


def test_a_long_list_comes_in_pages(page: Page, finished: tuple[str, str]) -> None:
    """The page asks for 25 at a time; here the server is asked for one."""
    page.route("**/jobs?limit=25**", lambda route: route.continue_(url=_one(route)))
    evaluations = EvaluationsPage(page).open()
    lines = page.locator(".job-line")
    expect(lines).to_have_count(1)
    page.get_by_role("button", name="Show older ones").click()
    expect(lines).to_have_count(2)
    expect(evaluations.alert).to_have_count(0)


def _one(route: Route) -> str:
    return route.request.url.replace("limit=25", "limit=1")


def test_a_first_visit_is_offered_a_ready_example(page: Page, server_url: str) -> None:
    page.route("**/jobs?**", lambda route: route.fulfill(json={"jobs": [], "next": None}))
    EvaluationsPage(page).open()
    expect(page.locator(".example-card")).to_have_count(3)
    page.get_by_role("button", name="See its settings (Does order matter?)").click()
    expect(page.get_by_role("radio", name="Shuffled patches")).to_be_checked()
    page.get_by_role("button", name="Run it (How much can you hide?)").click()
    page.wait_for_url("**/evaluations/*")
    job = JobPage(page)
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    httpx.delete(f"{server_url}/jobs/{job.id}")
    job.wait_until("Stopped")


def test_a_broken_line_is_told_and_mended(
    page: Page, watch: Watch, server_url: str, models: Models
) -> None:
    watch.expected.append("net::ERR_FAILED")
    job_id = submit(server_url, models=[models.transformer], runs=1, ratios=[0.5])
    page.route("**/events", lambda route: route.abort())
    job = JobPage(page).open(job_id)
    expect(page.get_by_text("The line to the server broke")).to_be_visible()
    page.unroute("**/events")
    job.wait_until("Done")
    expect(page.get_by_text("The line to the server broke")).to_be_hidden()
    expect(job.canvas).to_be_visible()


def test_a_job_that_does_not_exist_is_said_to(page: Page, watch: Watch) -> None:
    watch.expected.append("404")
    evaluations = EvaluationsPage(page).open("/evaluations/nonesuch")
    expect(evaluations.alert).to_contain_text("nonesuch")
    page.get_by_role("link", name="All evaluations").click()
    page.wait_for_url("**/evaluations")


def test_nothing_to_compare_is_no_error(page: Page) -> None:
    page.goto("/evaluations/compare")
    expect(page.get_by_text("Choose two or more evaluations")).to_be_visible()
