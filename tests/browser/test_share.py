"""What can be taken along: link, picture, JSON and the curl line."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import SAMPLES, Models, Watch
from tests.browser.lab_page import LabPage, source

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def assert_same_answer(one: Any, other: Any) -> None:
    """Equal but for rounding: company in a batch changes the last bits of a probability."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same_answer(value, other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for value, counterpart in zip(one, other, strict=True):
            assert_same_answer(value, counterpart)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=0.02)
    else:
        assert one == other


def test_the_link_restores_everything(
    page: Page, context: BrowserContext, watch: Watch, models: Models
) -> None:
    lab = LabPage(page).open(model=[models.shape, models.transformer])
    page.get_by_role("button", name="Red panda").click()
    expect(lab.curl).to_contain_text("red-panda.jpg")
    lab.panel.get_by_label("Squares").select_option("4x4")
    lab.panel.get_by_label("Draw", exact=True).fill("7")
    lab.slide("Hidden", 75)
    expect(lab.caption()).to_contain_text("12 of 16 squares hidden")
    expect(lab.curl).to_contain_text("seed=7")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied")).to_be_visible()
    link = page.evaluate("() => navigator.clipboard.readText()")

    other = context.new_page()
    watch.follow(other)
    other.goto(link)
    again = LabPage(other)
    again.wait_for_answer()
    expect(again.caption()).to_contain_text("12 of 16 squares hidden")
    expect(again.columns).to_have_count(2)
    expect(again.panel.get_by_label("Draw", exact=True)).to_have_value("7")
    assert source(again.picture()) == source(lab.picture())
    assert again.curl.inner_text() == lab.curl.inner_text()


def test_the_link_restores_a_painted_mask(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer, kind="custom", grid="8x8")
    page.get_by_role("button", name="Hide all").click()
    expect(lab.caption()).to_contain_text("64 of 64 squares hidden")
    # The address follows a moment later.
    expect(page).to_have_url(re.compile(r"mask=8x8\._{10}"))
    page.reload()
    expect(lab.caption()).to_contain_text("64 of 64 squares hidden")


def test_a_link_with_an_own_photo_asks_for_it_again(page: Page, models: Models) -> None:
    lab = LabPage(page)
    page.goto(f"/#mode=shuffle&photo=own&model={models.transformer}&seed=3&grid=2x2")
    expect(page.get_by_text("Choose your photo again")).to_be_visible()
    expect(lab.panel.get_by_label("Draw", exact=True)).to_have_value("3")
    page.get_by_label("Choose a photo…").set_input_files(SAMPLES / "cat.jpg")
    lab.wait_for_answer()
    expect(lab.caption()).to_contain_text("4 pieces")
    expect(page.get_by_text("Choose your photo again")).to_be_hidden()


@pytest.mark.parametrize(
    "state",
    [
        {"ratio": "0.35", "seed": "4"},
        {"kind": "salient", "ratio": "0.3"},
        {"kind": "custom", "grid": "8x8", "mask": "8x8.AAAYPDwYAAA"},
        {"mode": "shuffle", "grid": "4x4", "seed": "2"},
        {"mode": "attend", "layer": "2"},
        {"mode": "segment", "threshold": "0.6"},
    ],
    ids=lambda state: "-".join(state.values())[:24],
)
def test_the_curl_line_reproduces_what_is_seen(
    page: Page, models: Models, tmp_path: Path, state: dict[str, str]
) -> None:
    lab = LabPage(page).open(model=models.transformer, **state)
    expect(lab.curl).to_contain_text("curl")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    seen = json.loads(saved.value.path().read_text())
    line = lab.curl.inner_text()
    assert shlex.split(line)[0] == "curl"
    ran = subprocess.run(
        ["bash", "-c", line.replace("curl ", "curl -sS ")],
        cwd=tmp_path, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    repeated = json.loads(ran.stdout)
    assert repeated.pop("elapsed_ms") > 0
    seen.pop("elapsed_ms")
    assert_same_answer(repeated, seen)


def test_the_picture_can_be_saved(page: Page) -> None:
    lab = LabPage(page).open(photo="dog")
    expect(lab.verdict()).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download picture").click()
    assert saved.value.suggested_filename == "dog-occlude.png"
    assert saved.value.path().read_bytes().startswith(PNG_SIGNATURE)


def test_the_curl_line_can_be_copied(page: Page) -> None:
    lab = LabPage(page).open()
    expect(lab.curl).to_contain_text("curl")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("Command copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == lab.curl.inner_text()
