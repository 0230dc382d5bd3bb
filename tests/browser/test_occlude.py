"""The slider, the draws, the painted mask, and answers that come too late."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Models
from tests.browser.lab_page import LabPage, source


def test_dragging_the_slider_changes_picture_and_prediction(page: Page) -> None:
    lab = LabPage(page).open()
    slider = page.get_by_role("slider", name="Hidden")
    box = slider.bounding_box()
    assert box is not None
    numbers = lab.columns.first.locator(".bar-numbers").first
    before, numbers_before = source(lab.picture()), numbers.inner_text()
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=5)
    expect(lab.picture()).not_to_have_attribute("src", before)
    assert any(url.endswith("/occlude") for url in answered), "nothing answered during the drag"
    page.mouse.move(box["x"] + box["width"] - 2, y, steps=5)
    page.mouse.up()
    expect(page.locator('[data-output="occlude-ratio"]')).to_have_text("100 %")
    expect(lab.caption()).to_contain_text("64 of 64 squares hidden (100 %)")
    expect(numbers).not_to_have_text(numbers_before)


def test_a_late_answer_never_replaces_a_newer_one(page: Page) -> None:
    lab = LabPage(page).open()
    held: list[Route] = []

    def hold_ratio_20(route: Route) -> None:
        if 'name="ratio"\r\n\r\n0.2\r\n' in (route.request.post_data_buffer or b"").decode(
            "latin-1"
        ):
            held.append(route)
        else:
            route.continue_()

    page.route("**/occlude", hold_ratio_20)
    with page.expect_request("**/occlude"):
        lab.slide("Hidden", 20)
    with page.expect_event("requestfailed") as aborted:
        lab.slide("Hidden", 80)
        expect(lab.caption()).to_contain_text("51 of 64 squares hidden (80 %)")
    assert held, "the older answer was never asked for"
    assert aborted.value.failure == "net::ERR_ABORTED"
    expect(lab.caption()).to_contain_text("51 of 64 squares hidden (80 %)")


OUT_OF_ORDER = """async () => {
  const {LatestOnly} = await import("/static/js/latest.js");
  const pending = new Map();
  const shown = [];
  const asking = new LatestOnly({
    debounceMs: 0,
    ask: (request) => new Promise((resolve) => pending.set(request, resolve)),
    show: (answer) => shown.push(answer),
    fail: (error) => shown.push(String(error)),
  });
  const asked = async (request) => {
    asking.schedule(() => request);
    while (!pending.has(request)) await new Promise(requestAnimationFrame);
  };
  await asked("first");
  await asked("second");
  await asked("third");
  pending.get("second")("answer 2");
  await new Promise(requestAnimationFrame);
  pending.get("first")("answer 1");
  await new Promise(requestAnimationFrame);
  pending.get("third")("answer 3");
  await new Promise(requestAnimationFrame);
  return shown;
}"""


def test_answers_out_of_order_are_shown_in_order_even_if_aborting_did_nothing(page: Page) -> None:
    LabPage(page).open()
    assert page.evaluate(OUT_OF_ORDER) == ["answer 2", "answer 3"]


def test_a_seed_names_the_draw(page: Page) -> None:
    lab = LabPage(page).open()
    first = source(lab.picture())
    page.get_by_role("button", name="Draw again").click()
    expect(lab.panel.get_by_label("Draw", exact=True)).to_have_value("1")
    expect(lab.picture()).not_to_have_attribute("src", first)
    lab.panel.get_by_label("Draw", exact=True).fill("0")
    expect(lab.picture()).to_have_attribute("src", first)


@pytest.mark.parametrize("words", ["what it looks at", "what it ignores"])
def test_attention_decides_what_is_hidden(page: Page, words: str) -> None:
    lab = LabPage(page).open()
    lab.choose(words)
    expect(lab.caption()).to_contain_text("of the attention")
    expect(lab.panel.get_by_label("Whose attention")).to_be_visible()
    expect(page.get_by_role("button", name="Draw again")).to_be_hidden()
    expect(page.locator(".curve-readout")).to_contain_text("One run")


def test_grid_and_shift_reach_the_models(page: Page) -> None:
    lab = LabPage(page).open()
    lab.panel.get_by_label("Squares").select_option("4x4")
    expect(lab.caption()).to_contain_text("8 of 16 squares hidden (50 %)")
    before = source(lab.picture())
    lab.panel.get_by_label("Shifted by").fill("2")
    expect(lab.picture()).not_to_have_attribute("src", before)


def test_painting_with_the_mouse_hides_what_was_painted(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer, grid="8x8")
    lab.choose("what I paint")
    expect(lab.caption()).to_contain_text("0 of 64 squares hidden")
    before = source(lab.picture())
    box = lab.canvas.bounding_box()
    assert box is not None
    left, cell = box["x"] + (box["width"] - box["height"]) / 2, box["height"] / 8
    middle = box["y"] + cell * 3.5
    page.mouse.move(left + cell * 1.5, middle)
    page.mouse.down()
    page.mouse.move(left + cell * 4.5, middle, steps=12)
    page.mouse.up()
    expect(page.locator(".mask-count")).to_have_text("4 of 64 hidden (6 %)")
    expect(lab.caption()).to_contain_text("4 of 64 squares hidden (6 %)")
    expect(lab.picture()).not_to_have_attribute("src", before)
    page.mouse.click(left + cell * 1.5, middle)
    expect(lab.caption()).to_contain_text("3 of 64 squares hidden")
    page.get_by_role("button", name="Invert").click()
    expect(lab.caption()).to_contain_text("61 of 64 squares hidden")


def test_painting_with_the_keyboard_hides_what_was_painted(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer, grid="8x8", kind="custom")
    lab.canvas.focus()
    for key in ["ArrowRight", "ArrowDown", " ", "Shift+ArrowRight", "Shift+ArrowRight"]:
        page.keyboard.press(key)
    expect(page.locator(".mask-side [aria-live]")).to_have_text("Row 2, column 4: hidden")
    expect(lab.caption()).to_contain_text("3 of 64 squares hidden (5 %)")
    page.keyboard.press(" ")
    expect(lab.caption()).to_contain_text("2 of 64 squares hidden")


def test_the_curve_has_a_line_a_model_and_its_numbers(page: Page, models: Models) -> None:
    LabPage(page).open(model=[models.transformer, models.other])
    expect(page.locator(".curve-legend li")).to_have_count(2)
    expect(page.locator(".uplot canvas")).to_be_visible()
    page.get_by_text("The numbers").click()
    rows = page.locator(".curve tbody tr")
    expect(rows).to_have_count(11)
    expect(rows.first).to_have_text(re.compile(r"0 %.+±.+±"))
    page.locator(".u-over").hover()
    expect(page.locator(".curve-readout")).to_contain_text("At ")
