"""The pages themselves: strict policy, credited photos, and a card for every model."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.routes.pages import read_samples
from tests.browser.conftest import ROOT, SAMPLES

FREE_LICENCES = {"CC0 1.0", "Public domain"}
MAX_SAMPLE_BYTES = 120_000
MAX_SAMPLE_PX = 640


class _InlineFinder(HTMLParser):
    """Collects what a strict Content-Security-Policy would block, and addresses elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"inline <{tag}>")
        self.found += [f"{tag} {name}" for name in given if name == "style" or name[:2] == "on"]
        for name in ("src", "href"):
            if tag != "a" and (given.get(name) or "").startswith("http"):
                self.found.append(f"{tag} loads {given[name]}")


@pytest.mark.parametrize(
    "path",
    ["/", "/model-cards", "/evaluations", "/evaluations/compare", "/evaluations/some-job"],
)
def test_a_page_has_nothing_inline_and_loads_nothing_from_elsewhere(
    server_url: str, path: str
) -> None:
    response = httpx.get(server_url + path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    finder = _InlineFinder()
    finder.feed(response.text)
    assert finder.found == []


@pytest.mark.parametrize("photo", read_samples(), ids=lambda photo: photo.name)
def test_a_sample_photo_is_free_credited_and_small(photo) -> None:  # type: ignore[no-untyped-def]
    assert photo.licence in FREE_LICENCES
    assert photo.author
    assert photo.source.startswith("https://")
    path = SAMPLES / photo.file
    assert path.stat().st_size <= MAX_SAMPLE_BYTES
    with Image.open(path) as image:
        assert max(image.size) <= MAX_SAMPLE_PX
    assert (ROOT / photo.thumb_url.lstrip("/")).is_file()


def test_no_photo_is_shipped_without_credit() -> None:
    credited = {photo.file for photo in read_samples()}
    shipped = {path.name for path in SAMPLES.glob("*.jpg") if not path.stem.endswith("-thumb")}
    assert shipped == credited


def test_only_one_module_talks_to_the_server() -> None:
    scripts = (ROOT / "static" / "js").rglob("*.js")
    talking = [path.name for path in scripts if re.search(r"\bfetch\(", path.read_text())]
    assert talking == ["api.js"]


def test_every_script_is_type_checked() -> None:
    scripts = list((ROOT / "static" / "js").rglob("*.js"))
    assert scripts
    assert [path for path in scripts if not path.read_text().startswith("// @ts-check")] == []


def test_every_model_has_a_card(page: Page, server_url: str) -> None:
    known = httpx.get(f"{server_url}/models").json()["models"]
    page.goto("/model-cards")
    expect(page.locator(".model-card")).to_have_count(len(known))
    for facts in known:
        card = page.locator(f'.model-card[id="{facts["name"]}"]')
        expect(card).to_contain_text(facts["paper"])
        expect(card).to_contain_text(facts["licence"])
        if facts["pull"]:
            expect(card).to_contain_text(facts["pull"])
    ready = sum(facts["ready"] for facts in known)
    page.get_by_role("button", name="Ready here").click()
    expect(page.locator(".model-card")).to_have_count(ready)
