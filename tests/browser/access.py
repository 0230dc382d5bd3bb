"""What the accessibility tests share: axe-core's findings, the Tab key, and two screens."""

from typing import Any

import pytest
from playwright.sync_api import Page

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
AUDIT = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


def violations(page: Page) -> list[str]:
    found: list[dict[str, Any]] = page.evaluate(AUDIT)
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


def tab_to(page: Page, selector: str, presses: int = 80) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse must."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{presses} presses of Tab do not reach {selector}")
