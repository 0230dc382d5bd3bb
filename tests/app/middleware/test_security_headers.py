import pytest
from fastapi.testclient import TestClient

from app.middleware.security_headers import SECURITY_HEADERS


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/docs"),
        ("GET", "/healthz"),
        ("GET", "/nowhere"),
        ("DELETE", "/predict"),
        ("POST", "/predict"),
        ("GET", "/static/vendor/swagger-ui/init.js"),
    ],
)
def test_every_answer_carries_them(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_no_inline_scripts_or_styles_are_allowed() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_the_documentation_has_none(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count("<script src=") == 2
