"""The form for a new evaluation: made from the experiments, and clear about what does not fit."""

import io
import re
import zipfile

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Models, Watch
from tests.browser.evaluations_page import TITLE, EvaluationsPage

UNAUTHORIZED = {
    "status": 401,
    "content_type": "application/problem+json",
    "body": '{"title": "An API key is needed", "status": 401, "detail": "no key came", '
    '"code": "unauthorized"}',
}


@pytest.fixture
def form(page: Page) -> EvaluationsPage:
    return EvaluationsPage(page).open().open_form()


def test_every_experiment_has_its_form_and_says_what_to_look_for(
    page: Page, server_url: str, form: EvaluationsPage
) -> None:
    for facts in httpx.get(f"{server_url}/experiments").json()["experiments"]:
        page.get_by_role("radio", name=facts["title"]).check()
        explanation = page.locator("[data-explanation]")
        for words in ("summary", "look_for", "paper"):
            expect(explanation).to_contain_text(facts[words])
        for name in facts["parameters"]["properties"]:
            control = page.locator(f'#param-{name}, [name="param-{name}"]').first
            expect(control).to_be_visible()
        able = [model for model in facts["models"] if model["ready"] and model["supported"]]
        expect(form.form.locator('input[name="model"]')).to_have_count(len(able))
        if len(able) < len(facts["models"]):
            expect(form.form.get_by_text("cannot take part")).to_be_visible()
        # Whatever is filled in by itself can be submitted.
        expect(form.estimate).to_contain_text("forward pass")


def test_a_value_that_makes_no_sense_is_said_beside_its_control(
    page: Page, form: EvaluationsPage
) -> None:
    page.get_by_role("radio", name=TITLE).check()
    page.get_by_label("Ratios").fill("0, half")
    problem = page.locator("#param-ratios-problem")
    expect(problem).to_have_text("Expected a number, got “half”.")
    page.get_by_role("button", name="Start the evaluation").click()
    expect(page.get_by_label("Ratios")).to_be_focused()
    page.get_by_label("Ratios").fill("0; 0.5")
    expect(problem).to_be_hidden()
    expect(form.estimate).to_contain_text("About")


def test_what_the_server_refuses_is_said_beside_its_control(
    page: Page, watch: Watch, form: EvaluationsPage, models: Models
) -> None:
    watch.expected.append("the server responded with a status of 4")
    page.get_by_role("radio", name=TITLE).check()
    form.choose_models(models.transformer)
    page.get_by_label("Offset (px)").fill("32")
    expect(page.locator("#param-offset_px-problem")).to_contain_text("got 32")
    page.get_by_label("Offset (px)").fill("2")
    expect(page.locator("#param-offset_px-problem")).to_be_hidden()
    expect(form.estimate).to_contain_text("About")


def test_no_model_is_said_beside_the_models(page: Page, form: EvaluationsPage) -> None:
    form.choose_models()
    expect(page.get_by_text("Choose at least one model.")).to_be_visible()
    page.get_by_role("button", name="Start the evaluation").click()
    expect(form.form.locator('input[name="model"]').first).to_be_focused()


def test_settings_are_kept_while_another_experiment_is_looked_at(
    page: Page, form: EvaluationsPage
) -> None:
    page.get_by_role("radio", name=TITLE).check()
    page.get_by_label("Ratios").fill("0.125")
    page.get_by_role("radio", name="Small objects in corners").check()
    page.get_by_role("radio", name=TITLE).check()
    expect(page.get_by_label("Ratios")).to_have_value("0.125")


def test_a_data_set_that_does_not_suit_says_why(page: Page, form: EvaluationsPage) -> None:
    page.get_by_role("radio", name="Segmentation by attention").check()
    sample = form.form.locator('input[name="dataset"][value="cifar10-sample"]')
    expect(sample).to_be_disabled()
    expect(form.form.get_by_text("Has no outlines of objects")).to_be_visible()
    masks = form.form.locator('input[name="dataset"][value="shapes-with-masks"]')
    expect(masks).to_be_checked()


def _zip_of_images() -> bytes:
    """Four images of two classes, one of which is cut off."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("cat/one.png", "cat/two.png", "dog/three.png", "dog/broken.png"):
            picture = io.BytesIO()
            Image.effect_noise((40, 40), 60).convert("RGB").save(picture, "PNG")
            content = picture.getvalue()
            archive.writestr(name, content[: len(content) // 3] if "broken" in name else content)
    return packed.getvalue()


def test_images_of_ones_own_are_uploaded_evaluated_and_deleted(
    page: Page, watch: Watch, server_url: str, form: EvaluationsPage, models: Models
) -> None:
    page.get_by_role("radio", name=TITLE).check()
    form.choose_models(models.transformer)
    page.get_by_text("Use images of your own").click()
    page.get_by_label("Zip file").set_input_files(
        {"name": "My Pets.zip", "mimeType": "application/zip", "buffer": _zip_of_images()}
    )
    expect(page.get_by_label("Name", exact=True)).to_have_value("my-pets")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("my-pets is here: 4 images.")).to_be_visible()
    chosen = form.form.locator('input[name="dataset"][value="my-pets"]')
    expect(chosen).to_be_checked()
    page.get_by_label("Ratios").fill("0")
    page.get_by_label("Runs").fill("1")
    expect(form.estimate).to_contain_text("4 images × 1 model")
    job = form.start()
    job.wait_until("Done")
    failed = page.locator("[data-failed]")
    expect(failed).to_contain_text("dog/broken.png")
    job.show_numbers()
    expect(job.lines).to_have_count(1)

    EvaluationsPage(page).open("/evaluations#new")
    page.get_by_role("button", name="Delete the data set my-pets").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(chosen).to_have_count(0)
    names = [facts["name"] for facts in httpx.get(f"{server_url}/datasets").json()["datasets"]]
    assert "my-pets" not in names


def test_a_zip_that_is_none_is_refused_in_words(
    page: Page, watch: Watch, form: EvaluationsPage
) -> None:
    watch.expected.append("the server responded with a status of 4")
    page.get_by_text("Use images of your own").click()
    page.get_by_label("Zip file").set_input_files(
        {"name": "none.zip", "mimeType": "application/zip", "buffer": b"no zip"}
    )
    page.get_by_role("button", name="Upload").click()
    words = page.locator(".upload-words")
    expect(words).to_have_class(re.compile("field-problem"))
    expect(words).to_contain_text("zip")
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()


def test_a_server_that_wants_a_key_gets_one(page: Page, watch: Watch) -> None:
    watch.expected.append("401")

    def want_key(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "open sesame":
            route.continue_()
        else:
            route.fulfill(**UNAUTHORIZED)  # type: ignore[arg-type]

    page.route(re.compile(r"/(experiments|jobs|datasets)\b(?!\.)"), want_key)
    page.goto("/evaluations")
    page.get_by_label("API key").fill("open sesame")
    page.get_by_role("button", name="Use this key").click()
    evaluations = EvaluationsPage(page)
    expect(page.locator("[data-page]")).to_have_attribute("aria-busy", "false")
    evaluations.open_form()
    expect(evaluations.estimate).to_contain_text("About")
