"""A server that is starting, gone, or wants a key."""

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Watch
from tests.browser.lab_page import LabPage

STARTING = {
    "status": 503,
    "headers": {"Retry-After": "0"},
    "content_type": "application/problem+json",
    "body": '{"title": "The server is still loading its models", "status": 503, '
    '"detail": "two of six are loaded", "code": "starting"}',
}
UNAUTHORIZED = {
    "status": 401,
    "content_type": "application/problem+json",
    "body": '{"title": "An API key is needed", "status": 401, "detail": "no key came", '
    '"code": "unauthorized"}',
}


def test_a_server_that_is_starting_is_asked_again(page: Page, watch: Watch) -> None:
    watch.expected.append("503")
    asked: list[str] = []

    def start_late(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) <= 2:
            route.fulfill(**STARTING)
        else:
            route.continue_()

    page.route("**/occlude", start_late)
    lab = LabPage(page).open()
    expect(lab.verdict()).to_be_visible()
    expect(lab.alert).to_be_hidden()


def test_a_server_that_is_gone_is_told_and_can_be_tried_again(page: Page, watch: Watch) -> None:
    watch.expected.append("net::ERR_FAILED")
    lab = LabPage(page).open()
    page.route("**/occlude", lambda route: route.abort())
    lab.slide("Hidden", 30)
    expect(lab.alert).to_contain_text("does not answer")
    page.unroute("**/occlude")
    page.get_by_role("button", name="Try again").click()
    expect(lab.caption()).to_contain_text("19 of 64 squares hidden")


def test_a_server_that_wants_a_key_gets_one(page: Page, watch: Watch) -> None:
    watch.expected.append("401")

    def want_key(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "open sesame":
            route.continue_()
        else:
            route.fulfill(**UNAUTHORIZED)

    page.route("**/models", want_key)
    page.goto("/")
    page.get_by_label("API key").fill("open sesame")
    page.get_by_role("button", name="Use this key").click()
    lab = LabPage(page)
    lab.wait_for_answer()
    expect(lab.verdict()).to_be_visible()
