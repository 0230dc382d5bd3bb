"""A real server in its own process and a real Chromium: nothing of the product is replaced.

Every page is watched: a console error, an uncaught error or a breach of the
Content-Security-Policy fails the test that caused it, unless it said it would.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "static" / "samples"
AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
CHROMIUM = "/usr/bin/chromium"
STARTUP_S = 120
TIMEOUT_MS = 60_000

expect.set_options(timeout=TIMEOUT_MS)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _ready_pocket_models() -> list[str]:
    from app.settings import POCKET_MODELS

    weights = ROOT / "ipvit" / "models" / "weights"
    return [name for name in POCKET_MODELS if (weights / f"{name}.safetensors").is_file()]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the product, loaded and warmed."""
    port = _free_port()
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {
        "IPVIT_CACHE": str(home / "cache"),
        "IPVIT_DATA_DIR": str(home / "datasets"),
        "IPVIT_DATABASE_URL": f"sqlite:///{home / 'jobs.sqlite3'}",
    }
    environment.setdefault("IPVIT_MODELS", ",".join(_ready_pocket_models()))
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.factory:create_app"]
    log_path = tmp_path_factory.mktemp("server") / "log.txt"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [*command, "--port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(url, process, log_path)
            yield url
        finally:
            process.terminate()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log_path: Path) -> None:
    give_up = monotonic() + STARTUP_S
    answer = ""
    while monotonic() < give_up:
        assert process.poll() is None, log_path.read_text()
        try:
            response = httpx.get(f"{url}/readyz")
        except httpx.TransportError:
            sleep(0.05)
            continue
        if response.status_code == 200:
            return
        answer = response.text
        sleep(0.05)
    pytest.fail(f"not ready in {STARTUP_S} s: {answer}\n{log_path.read_text()}")


@dataclass(frozen=True)
class Models:
    """Names of models by what they can do."""

    transformer: str
    other: str
    shape: str
    network: str | None


@pytest.fixture(scope="session")
def models(server_url: str) -> Models:
    """Models that are ready on this server."""
    answer = httpx.get(f"{server_url}/models").json()
    ready = [facts for facts in answer["models"] if facts["ready"]]
    looking = [facts["name"] for facts in ready if facts["tokens"] == ["cls"]]
    shape = next(facts["name"] for facts in ready if "shape" in facts["tokens"])
    network = next((facts["name"] for facts in ready if not facts["tokens"]), None)
    return Models(looking[0], ([*looking[1:], shape])[0], shape, network)


# Playwright holds an event loop of the main thread as long as it lives: it ends with this package.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield launched
        launched.close()


@dataclass
class Watch:
    """What went wrong in the pages of a test; `expected` holds parts of messages that may come."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@pytest.fixture
def watch() -> Iterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.unexpected() == []


@pytest.fixture
def context(browser: Browser, server_url: str) -> Iterator[BrowserContext]:
    """A visitor on a desktop; own storage, no animations."""
    visitor = browser.new_context(
        base_url=server_url,
        viewport={"width": 1440, "height": 900},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    visitor.set_default_timeout(TIMEOUT_MS)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    opened = context.new_page()
    watch.follow(opened)
    return opened


@pytest.fixture
def open_page(browser: Browser, server_url: str, watch: Watch) -> Any:
    """Open a page of a width and theme, with axe-core beside the product's own scripts."""
    contexts = []

    def open_it(viewport: Any, theme: Any) -> Page:
        context = browser.new_context(
            base_url=server_url, viewport=viewport, color_scheme=theme, reduced_motion="reduce"
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(path=AXE)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        return page

    yield open_it
    for context in contexts:
        context.close()
