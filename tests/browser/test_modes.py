"""Shuffle, Attend and Segment, and several models beside each other."""

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import SAMPLES, Models
from tests.browser.lab_page import LabPage, source


def test_every_mode_says_what_happens_what_to_look_for_and_where_it_is_written(page: Page) -> None:
    lab = LabPage(page).open()
    for name in ("Occlude", "Shuffle", "Attend", "Segment"):
        lab.mode(name)
        panel = page.get_by_role("tabpanel", name=name)
        expect(panel).to_be_visible()
        expect(panel.get_by_role("heading", level=2)).to_be_visible()
        expect(panel.get_by_role("link", name="§3.")).to_be_visible()
        expect(page.get_by_role("tabpanel")).to_have_count(1)


def test_shuffling_into_more_pieces_changes_the_picture(page: Page) -> None:
    lab = LabPage(page).open()
    lab.mode("Shuffle")
    expect(lab.caption()).to_contain_text("pieces in random order")
    lab.slide("Cut into", 0)
    expect(lab.caption()).to_contain_text("4 pieces in random order")
    before = source(lab.picture())
    lab.slide("Cut into", 4)
    expect(lab.picture()).not_to_have_attribute("src", before)
    expect(page.locator(".curve-legend li").first).to_be_visible()


def test_attention_shows_every_head_and_the_one_chosen_large(page: Page, models: Models) -> None:
    lab = LabPage(page).open(mode="attend", model=models.transformer)
    maps = lab.columns.first.locator("button.map")
    expect(maps).to_have_count(4)
    expect(lab.caption()).to_contain_text("Head 1")
    before = source(lab.picture())
    maps.nth(1).click()
    expect(maps.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(lab.caption()).to_contain_text("Head 2")
    expect(lab.picture()).not_to_have_attribute("src", before)
    chosen = source(lab.picture())
    lab.slide("Block", 1)
    expect(lab.columns.first).to_contain_text("heads of block 1")
    expect(lab.picture()).not_to_have_attribute("src", chosen)
    lab.choose("rollout")
    expect(lab.caption()).to_contain_text("Rollout to block 1")
    expect(maps).to_have_count(2)


def test_one_head_can_be_asked_alone(page: Page, models: Models) -> None:
    lab = LabPage(page).open(mode="attend", model=models.transformer)
    lab.panel.get_by_label("Head", exact=True).select_option("2")
    expect(lab.caption()).to_contain_text("Head 3")
    expect(lab.columns.first.locator("button.map")).to_have_count(2)


def test_a_model_that_cannot_take_part_says_why(page: Page, models: Models) -> None:
    lab = LabPage(page).open(mode="attend", model=[models.shape, models.transformer])
    lab.choose("shape")
    expect(lab.column(models.transformer)).to_contain_text("has no shape token")
    expect(lab.column(models.shape).locator("button.map").first).to_be_visible()


def test_segments_follow_the_threshold(page: Page, models: Models) -> None:
    lab = LabPage(page).open(mode="segment", model=models.shape)
    expect(lab.columns.first.locator(".map-mask")).to_have_count(3)
    before = source(lab.picture())
    lab.slide("Attention kept", 40)
    expect(lab.picture()).not_to_have_attribute("src", before)
    expect(lab.columns.first.locator(".scores dt")).to_have_count(0)


def test_a_true_outline_scores_the_heads(page: Page, models: Models) -> None:
    lab = LabPage(page).open(mode="segment", photo="dog", model=models.shape)
    with Image.open(SAMPLES / "dog.jpg") as photo:
        truth = np.zeros((photo.height, photo.width), np.uint8)
    truth[100:400, 100:500] = 1
    outline = io.BytesIO()
    Image.fromarray(truth).save(outline, "PNG")
    lab.panel.get_by_label("True outline").set_input_files(
        {"name": "truth.png", "mimeType": "image/png", "buffer": outline.getvalue()}
    )
    expect(lab.columns.first.locator(".scores dt")).to_have_text(["Best head", "Fixed head"])
    expect(lab.columns.first.locator(".map-mask").first).to_contain_text("Jaccard")
    page.get_by_role("button", name="Remove").click()
    expect(lab.columns.first.locator(".scores dt")).to_have_count(0)


def test_two_models_stand_side_by_side(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer)
    expect(lab.columns).to_have_count(1)
    page.locator(f'.model-option input[value="{models.other}"]').check()
    expect(lab.columns).to_have_count(2)
    expect(lab.verdict(1)).to_be_visible()
    first, second = lab.columns.nth(0).bounding_box(), lab.columns.nth(1).bounding_box()
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] < second["x"]


def test_the_last_model_cannot_be_taken_away(page: Page, models: Models) -> None:
    lab = LabPage(page).open(model=models.transformer)
    option = page.locator(f'.model-option input[value="{models.transformer}"]')
    option.click()
    expect(option).to_be_checked()
    expect(lab.columns).to_have_count(1)
