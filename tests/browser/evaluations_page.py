"""The pages of evaluations as a visitor uses them, and jobs made through the API for them."""

import re
from time import monotonic, sleep
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

JOB_URL = re.compile(r"/evaluations/(\w+)$")
DEADLINE_S = 180
TITLE = "Occlusion: PatchDrop"


class EvaluationsPage:
    """The list of evaluations and the form for a new one."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.form = page.locator("[data-job-form]")
        self.estimate = page.locator("[data-estimate]")
        self.alert = page.locator(".problem:visible")

    def open(self, path: str = "/evaluations") -> "EvaluationsPage":
        """Go there and wait until the server has answered."""
        self.page.goto(path)
        expect(self.page.locator("[data-page]")).to_have_attribute("aria-busy", "false")
        return self

    def open_form(self) -> "EvaluationsPage":
        """Open the form for a new evaluation."""
        self.page.get_by_role("button", name="New evaluation").click()
        expect(self.form).to_be_visible()
        return self

    def choose_models(self, *names: str) -> None:
        """Tick these models and no others."""
        for box in self.form.locator('input[name="model"]').all():
            box.set_checked(box.get_attribute("value") in names)

    def start(self) -> "JobPage":
        """Submit the form."""
        self.page.get_by_role("button", name="Start the evaluation").click()
        self.page.wait_for_url(JOB_URL)
        return JobPage(self.page)

    def line(self, job_id: str) -> Locator:
        """The job's line in the list."""
        return self.page.locator(f'.job-line[data-job="{job_id}"]')


class JobPage:
    """The page of one evaluation."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.state = page.locator("[data-progress] .state-badge")
        self.bar = page.locator("[data-progress] progress")
        self.canvas = page.locator(".chart-plot canvas")
        self.legend = page.locator(".chart-key")
        self.lines = page.locator(".result-table tbody tr")
        self.stop = page.get_by_role("button", name="Stop", exact=True)
        self.dialog = page.get_by_role("dialog")

    @property
    def id(self) -> str:
        """The job's id, as the address has it."""
        found = JOB_URL.search(self.page.url)
        assert found is not None
        return found[1]

    def open(self, job_id: str) -> "JobPage":
        """Go to the job and wait until the server has answered."""
        self.page.goto(f"/evaluations/{job_id}")
        expect(self.page.locator("[data-page]")).to_have_attribute("aria-busy", "false")
        return self

    def wait_until(self, words: str) -> None:
        """Wait for the state that the page calls `words`."""
        expect(self.state).to_have_text(words, timeout=DEADLINE_S * 1000)

    def show_numbers(self) -> None:
        """Unfold the table below the figure."""
        self.page.get_by_text("The numbers", exact=True).click()
        expect(self.lines.first).to_be_visible()


def submit(server_url: str, *, seed: int = 0, models: list[str], **params: Any) -> str:
    """Submit PatchDrop on the shipped sample; the id of the job."""
    answer = httpx.post(
        f"{server_url}/jobs",
        json={
            "experiment": "patch-drop",
            "models": models,
            "dataset": "cifar10-sample",
            "params": params,
            "seed": seed,
        },
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def wait_for_end(server_url: str, job_id: str) -> dict[str, Any]:
    """The job once it has ended, as the API tells of it."""
    give_up = monotonic() + DEADLINE_S
    while monotonic() < give_up:
        job: dict[str, Any] = httpx.get(f"{server_url}/jobs/{job_id}").json()
        if job["state"] not in ("queued", "running"):
            return job
        sleep(0.1)
    raise AssertionError(f"job {job_id} did not end in {DEADLINE_S} s: {job}")
