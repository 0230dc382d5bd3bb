import shutil

from playwright.sync_api import sync_playwright


def test_the_documentation_runs_under_the_strict_policy(tiny_server: str) -> None:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{tiny_server}/docs")
        page.locator(".opblock-summary-path", has_text="/occlude").click()
        page.get_by_role("button", name="Try it out").click()
        page.locator("input[type=file]").first.wait_for()
        assert page.locator(".opblock").count() >= 11
        browser.close()
    assert complaints == []
