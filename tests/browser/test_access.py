"""Everybody can use it: axe-core finds nothing, the keyboard is enough, a phone is wide enough."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import AXE, TIMEOUT_MS, Models, Watch
from tests.browser.lab_page import LabPage

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
MODES = ("occlude", "shuffle", "attend", "segment")
AUDIT = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def _violations(page: Page) -> list[str]:
    found: list[dict[str, Any]] = page.evaluate(AUDIT)
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.fixture
def open_page(browser: Browser, server_url: str, watch: Watch) -> Any:
    """Open a page of a width and theme, with axe-core beside the product's own scripts."""
    contexts = []

    def open_it(viewport: Any, theme: Any) -> Page:
        context = browser.new_context(
            base_url=server_url, viewport=viewport, color_scheme=theme, reduced_motion="reduce"
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(path=AXE)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        return page

    yield open_it
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_any_mode(
    open_page: Any, viewport: Any, theme: str, models: Models
) -> None:
    page = open_page(viewport, theme)
    lab = LabPage(page).open(model=[models.shape, models.transformer])
    expect(page.locator(".curve")).to_be_visible()
    assert _violations(page) == []
    lab.choose("what I paint")
    expect(lab.canvas).to_be_visible()
    assert _violations(page) == []
    for name in ("Shuffle", "Attend", "Segment"):
        lab.mode(name)
        assert _violations(page) == [], name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_model_cards(open_page: Any, theme: str) -> None:
    page = open_page(DESKTOP, theme)
    page.goto("/model-cards")
    expect(page.locator(".model-card").first).to_be_visible()
    assert _violations(page) == []


def test_axe_finds_nothing_beside_an_error(open_page: Any, watch: Watch) -> None:
    watch.expected.append("the server responded with a status of 4")
    page = open_page(DESKTOP, "light")
    lab = LabPage(page).open()
    page.get_by_label("Choose a photo…").set_input_files(
        {"name": "none.jpg", "mimeType": "image/jpeg", "buffer": b"none"}
    )
    expect(lab.alert).to_be_visible()
    assert _violations(page) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_phone_is_wide_enough(open_page: Any, mode: str) -> None:
    page = open_page(PHONE, "light")
    LabPage(page).open(mode=mode)
    overflow = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def _tab_to(page: Page, selector: str, presses: int = 80) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse must."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{presses} presses of Tab do not reach {selector}")


def test_the_keyboard_is_enough(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    _tab_to(page, '[data-sample="dog"]')
    page.keyboard.press("Enter")
    expect(lab.curl).to_contain_text("dog.jpg")
    _tab_to(page, f'.model-option input[value="{models.other}"]')
    page.keyboard.press(" ")
    expect(lab.columns).to_have_count(2)
    _tab_to(page, "#occlude-ratio")
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
    _tab_to(page, "[data-copy-curl]")


def test_the_focus_is_visible(page: Page) -> None:
    LabPage(page).open()
    _tab_to(page, ".button")
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
