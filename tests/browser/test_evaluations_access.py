"""Everybody can use the pages of evaluations: axe-core, the keyboard, a phone, both themes."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access import DESKTOP, PHONE, tab_to, violations
from tests.browser.conftest import Models
from tests.browser.evaluations_page import TITLE, EvaluationsPage, JobPage, submit, wait_for_end


@pytest.fixture(scope="session")
def figures(server_url: str, models: Models) -> tuple[str, str]:
    """Two jobs that have ended, with a model that attends."""
    ids = [submit(server_url, models=[models.shape], seed=seed, ratios=[0.5], runs=1)
           for seed in (5, 6)]  # fmt: skip
    for job_id in ids:
        assert wait_for_end(server_url, job_id)["state"] == "succeeded"
    return ids[0], ids[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    open_page: Any,
    viewport: Any,
    theme: str,
    figures: tuple[str, str],
) -> None:
    page = open_page(viewport, theme)
    EvaluationsPage(page).open().open_form()
    expect(page.locator("[data-estimate]")).to_contain_text("About")
    page.get_by_text("Use images of your own").click()
    _check(page)
    job = JobPage(page).open(figures[0])
    expect(job.canvas).to_be_visible()
    job.show_numbers()
    _check(page)
    page.goto(f"/evaluations/compare?job={figures[0]}&job={figures[1]}")
    expect(job.canvas).to_be_visible()
    _check(page)


def _check(page: Page) -> None:
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


def test_axe_finds_nothing_beside_a_question(
    open_page: Any,
    figures: tuple[str, str],
) -> None:
    page = open_page(DESKTOP, "light")
    JobPage(page).open(figures[0])
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(JobPage(page).state).to_have_text("Done")


def test_the_keyboard_is_enough_to_submit(page: Page, models: Models) -> None:
    EvaluationsPage(page).open()
    tab_to(page, "[data-open-form]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name=TITLE)).to_be_focused()
    tab_to(page, f'[data-job-form] input[name="model"][value="{models.shape}"]')
    page.keyboard.press(" ")
    for selector in ("#param-ratios", "#param-runs"):
        tab_to(page, selector)
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("1")
    expect(page.locator("[data-estimate]")).to_contain_text("forward passes")
    tab_to(page, "[data-submit-job]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/evaluations/*")
    job = JobPage(page)
    tab_to(page, "[data-cancel], [data-forget]")
    job.wait_until("Done")
    tab_to(page, ".chart-key")
    page.keyboard.press(" ")
    expect(job.legend.first).to_have_attribute("aria-pressed", "false")
