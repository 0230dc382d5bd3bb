"""Everybody can use it: axe-core finds nothing, the keyboard is enough, a phone is wide enough."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access import DESKTOP, PHONE, tab_to, violations
from tests.browser.conftest import Models, Watch
from tests.browser.lab_page import LabPage

MODES = ("occlude", "shuffle", "attend", "segment")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_any_mode(
    open_page: Any, viewport: Any, theme: str, models: Models
) -> None:
    page = open_page(viewport, theme)
    lab = LabPage(page).open(model=[models.shape, models.transformer])
    expect(page.locator(".curve")).to_be_visible()
    assert violations(page) == []
    lab.choose("what I paint")
    expect(lab.canvas).to_be_visible()
    assert violations(page) == []
    for name in ("Shuffle", "Attend", "Segment"):
        lab.mode(name)
        assert violations(page) == [], name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_model_cards(open_page: Any, theme: str) -> None:
    page = open_page(DESKTOP, theme)
    page.goto("/model-cards")
    expect(page.locator(".model-card").first).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_beside_an_error(open_page: Any, watch: Watch) -> None:
    watch.expected.append("the server responded with a status of 4")
    page = open_page(DESKTOP, "light")
    lab = LabPage(page).open()
    page.get_by_label("Choose a photo…").set_input_files(
        {"name": "none.jpg", "mimeType": "image/jpeg", "buffer": b"none"}
    )
    expect(lab.alert).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_phone_is_wide_enough(open_page: Any, mode: str) -> None:
    page = open_page(PHONE, "light")
    LabPage(page).open(mode=mode)
    overflow = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_the_keyboard_is_enough(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab_to(page, '[data-sample="dog"]')
    page.keyboard.press("Enter")
    expect(lab.curl).to_contain_text("dog.jpg")
    tab_to(page, f'.model-option input[value="{models.other}"]')
    page.keyboard.press(" ")
    expect(lab.columns).to_have_count(2)
    tab_to(page, "#occlude-ratio")
    page.keyboard.press("End")
    expect(lab.caption()).to_contain_text("64 of 64 squares hidden")
    page.keyboard.press("ArrowLeft")
    expect(page.locator('[data-output="occlude-ratio"]')).to_have_text("99 %")
    page.keyboard.press("Shift+Tab")
    page.locator("#tab-occlude").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Shuffle")).to_be_focused()
    expect(page.get_by_role("tab", name="Shuffle")).to_have_attribute("aria-selected", "true")
    expect(lab.caption()).to_contain_text("pieces in random order")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Segment")).to_be_focused()
    # The button is there once the answer is.
    expect(lab.curl).to_contain_text("/segment")
    tab_to(page, "[data-copy-curl]")


def test_the_focus_is_visible(page: Page) -> None:
    LabPage(page).open()
    tab_to(page, ".button")
    width = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
    assert width == "3px"


def test_the_theme_follows_the_system_until_chosen_and_is_kept(open_page: Any) -> None:
    page = open_page(DESKTOP, "dark")
    LabPage(page).open()
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Switch to the light theme").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("button", name="Switch to the dark theme")).to_be_visible()
