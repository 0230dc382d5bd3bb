"""Where the photo comes from, and what happens when it is none."""

import base64
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.access import PHONE
from tests.browser.conftest import SAMPLES, Watch
from tests.browser.lab_page import LabPage, source

DROP = """([name, code]) => {
  const bytes = Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
  const target = document.querySelector("main");
  for (const type of ["dragenter", "dragover", "drop"]) {
    const options = {dataTransfer: transfer, bubbles: true, cancelable: true};
    target.dispatchEvent(new DragEvent(type, options));
  }
}"""

PASTE = """([name, code]) => {
  const bytes = Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], name, {type: "image/jpeg"}));
  document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}));
}"""


NOTHING_COVERS = """(alert) => {
  const {left, right, top, bottom} = alert.getBoundingClientRect();
  return [top + 2, (top + bottom) / 2, bottom - 2].every((y) =>
    alert.contains(document.elementFromPoint((left + right) / 2, y)));
}"""


def _named_file(name: str) -> list[str]:
    return [name, base64.b64encode((SAMPLES / name).read_bytes()).decode()]


def test_a_first_visit_shows_an_answer_at_once(page: Page) -> None:
    lab = LabPage(page).open()
    expect(page.get_by_role("button", name="Kingfisher")).to_have_attribute("aria-pressed", "true")
    expect(lab.caption()).to_contain_text("squares hidden (50 %)")
    expect(lab.verdict()).to_contain_text("sure")
    assert source(lab.picture()).startswith("data:image/png;base64,")
    expect(page.get_by_role("heading", name="Confidence in the first answer")).to_be_visible()


def test_a_photo_from_the_picker_is_analysed(page: Page) -> None:
    lab = LabPage(page).open()
    before = source(lab.picture())
    page.get_by_label("Choose a photo…").set_input_files(SAMPLES / "moose.jpg")
    expect(page.get_by_alt_text("Your photo moose.jpg")).to_be_visible()
    expect(lab.picture()).not_to_have_attribute("src", before)
    expect(lab.curl).to_contain_text("image=@moose.jpg")


def test_a_dropped_photo_is_analysed(page: Page) -> None:
    lab = LabPage(page).open()
    before = source(lab.picture())
    page.evaluate(DROP, _named_file("dog.jpg"))
    expect(page.get_by_alt_text("Your photo dog.jpg")).to_be_visible()
    expect(lab.picture()).not_to_have_attribute("src", before)


def test_a_pasted_photo_is_analysed(page: Page) -> None:
    lab = LabPage(page).open()
    before = source(lab.picture())
    page.evaluate(PASTE, _named_file("moose.jpg"))
    expect(page.get_by_alt_text("Your photo moose.jpg")).to_be_visible()
    expect(lab.picture()).not_to_have_attribute("src", before)


def test_a_broken_file_is_refused_in_words_and_a_good_one_mends_it(
    page: Page, watch: Watch
) -> None:
    watch.expected.append("the server responded with a status of 4")
    lab = LabPage(page).open()
    broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff no photo"}
    page.get_by_label("Choose a photo…").set_input_files(broken)
    expect(lab.alert).to_be_visible()
    expect(lab.alert).to_contain_text("photo")
    assert "{" not in lab.alert.inner_text()
    page.get_by_role("button", name="Kingfisher").click()
    expect(lab.alert).to_be_hidden()
    expect(lab.verdict()).to_be_visible()


def test_a_truncated_photo_is_refused_in_words(page: Page, watch: Watch) -> None:
    watch.expected.append("the server responded with a status of 4")
    lab = LabPage(page).open()
    half = (SAMPLES / "dog.jpg").read_bytes()[:20_000]
    page.get_by_label("Choose a photo…").set_input_files(
        {"name": "half.jpg", "mimeType": "image/jpeg", "buffer": half}
    )
    expect(lab.alert).to_be_visible()


def test_on_a_phone_the_refusal_comes_into_sight(open_page: Any, watch: Watch) -> None:
    watch.expected.append("the server responded with a status of 4")
    page = open_page(PHONE, "light")
    lab = LabPage(page).open()
    broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    page.get_by_label("Choose a photo…").set_input_files(broken)
    expect(lab.alert).to_be_in_viewport(ratio=1)
    assert lab.alert.evaluate(NOTHING_COVERS)


def test_a_file_name_is_text_and_never_markup(page: Page) -> None:
    lab = LabPage(page).open()
    name = "<img src=x onerror=alert(1)>.jpg"
    page.get_by_label("Choose a photo…").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": (SAMPLES / "cat.jpg").read_bytes()}
    )
    expect(page.locator("[data-photo-credit]")).to_have_text(name)
    expect(lab.curl).to_contain_text(name)
