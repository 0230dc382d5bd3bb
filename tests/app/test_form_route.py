"""Forms that no client of ours sends but browsers and scripts do."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.pictures import photo_file

FILES: dict[str, Any] = {"image": photo_file()}


def test_a_file_field_left_empty_in_a_browser_is_not_given(client: TestClient) -> None:
    head = 'Content-Disposition: form-data; name="%s"; filename="%s"'
    body = b"\r\n".join(
        (
            b"--cut",
            (head % ("image", "a.jpg")).encode(),
            b"",
            photo_file(),
            b"--cut",
            (head % ("mask", "")).encode(),
            b"Content-Type: application/octet-stream",
            b"",
            b"",
            b"--cut--",
            b"",
        )
    )
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    answer = client.post("/occlude", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


def test_a_text_field_left_empty_takes_its_default(client: TestClient) -> None:
    answer = client.post("/occlude", files=FILES, data={"grid": "", "top_k": ""})
    assert answer.status_code == 200, answer.text


def test_a_field_that_is_not_a_list_counts_as_last_said(client: TestClient) -> None:
    answer = client.post("/predict", files=FILES, data={"top_k": ["1", "2"]})
    assert len(answer.json()["models"][0]["top"]) == 2


def test_a_field_that_is_a_list_is_one_if_said_once(client: TestClient) -> None:
    answer = client.post("/occlude", files=FILES, data={"ratio": "0.25"})
    assert len(answer.json()["models"][0]["results"]) == 1


@pytest.mark.parametrize("value", ["", "1"])
def test_an_unknown_field_is_refused_even_if_empty(client: TestClient, value: str) -> None:
    answer = client.post("/predict", files=FILES, data={"topk": value})
    assert answer.status_code == 422
    assert answer.json()["field"] == "topk"
    assert "top_k" in answer.json()["detail"]


def test_a_file_where_text_belongs_is_refused(client: TestClient) -> None:
    answer = client.post("/predict", files={"image": photo_file(), "top_k": b"5"})
    assert answer.status_code == 422
    assert answer.json()["field"] == "top_k"


def test_text_where_a_file_belongs_is_refused(client: TestClient) -> None:
    answer = client.post("/predict", data={"image": "a.jpg"})
    assert answer.status_code == 422
    assert answer.json()["field"] == "image"
