"""The lab as a visitor uses it: words for what is on the page, so that tests read as stories."""

import re
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

PERCENT = re.compile(r"\((<?[\d.]+) %\)")


class LabPage:
    """One open lab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.columns = page.locator(".model-column")
        self.panel = page.locator(".mode-panel:not([hidden])")
        self.alert = page.get_by_role("alert")
        self.status = page.locator("[data-status]")
        self.canvas = page.locator(".mask-canvas")
        self.curl = page.locator("[data-curl]")

    def open(self, **state: str | list[str]) -> "LabPage":
        """Go to the lab, with a state in its link, and wait for the first answer."""
        self.page.goto(f"/#{urlencode(state, doseq=True)}" if state else "/")
        self.wait_for_answer()
        return self

    def wait_for_answer(self) -> None:
        expect(self.page.locator("[data-results]")).to_have_attribute("aria-busy", "false")
        expect(self.columns.first).to_be_visible()

    def column(self, model: str) -> Locator:
        return self.page.locator(f'.model-column[data-model="{model}"]')

    def picture(self, place: int = 0) -> Locator:
        return self.columns.nth(place).locator(".model-picture img")

    def caption(self, place: int = 0) -> Locator:
        return self.columns.nth(place).locator("figcaption").first

    def verdict(self, place: int = 0) -> Locator:
        return self.columns.nth(place).locator(".verdict")

    def mode(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        self.wait_for_answer()

    def slide(self, name: str, value: int) -> None:
        """Put a slider somewhere in one go."""
        self.page.get_by_role("slider", name=name).fill(str(value))

    def choose(self, name: str) -> None:
        """Choose one of a group of choices by its words."""
        self.page.get_by_role("radio", name=name, exact=True).check()


def source(picture: Locator) -> str:
    """The bytes a picture shows."""
    return picture.get_attribute("src") or ""
