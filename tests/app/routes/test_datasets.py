"""Data sets over HTTP: list, upload, delete; hostile and unlucky uploads leave nothing behind."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.dataset_desk import MAX_UPLOADS
from app.factory import create_app
from app.schemas.datasets import DatasetFacts, DatasetList
from tests.conftest import TINY_SPECS, serving, tiny_settings
from tests.datasets.folders import class_folder, image_bytes, voc_folder, zip_of, zipped_classes
from tests.waiting import finished, wait_for

SAMPLES = ["cifar10-sample", "shapes-with-masks"]


@pytest.fixture
def folder(cache: Path) -> Iterator[Path]:
    """The data folder of the shared app, empty again in the end."""
    yield cache / "datasets"
    left = [path.name for path in (cache / "datasets").glob("*")]
    for name in left:
        rmtree(cache / "datasets" / name)
    assert left == []


def upload(client: Any, data: bytes, name: str = "mine") -> Any:
    return client.post("/datasets", files=[("name", (None, name)), ("file", ("photos.zip", data))])


def problem(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body.get("field")) == (code, field), body
    return body


def listed(client: Any) -> dict[str, DatasetFacts]:
    facts = DatasetList.model_validate(client.get("/datasets").json())
    return {one.name: one for one in facts.datasets}


def test_samples_are_listed_first(client: TestClient) -> None:
    found = listed(client)
    assert list(found)[:2] == SAMPLES
    cifar, shapes = (found[name] for name in SAMPLES)
    assert (cifar.images, cifar.classes, cifar.has_labels, cifar.has_masks) == (
        400,
        10,
        True,
        False,
    )
    assert (shapes.kind, shapes.images, shapes.has_masks) == ("voc", 64, True)
    assert cifar.class_names is None
    assert "Krizhevsky" in cifar.credit


def test_one_data_set_names_its_classes(client: TestClient) -> None:
    facts = DatasetFacts.model_validate(client.get("/datasets/cifar10-sample").json())
    assert facts.class_names is not None
    assert facts.class_names[:2] == ["airplane", "automobile"]


def test_an_unknown_name_is_nowhere(client: TestClient) -> None:
    body = problem(client.get("/datasets/cifar"), 404, "not_found", "name")
    assert body["matches"] == ["cifar10-sample"]
    problem(client.delete("/datasets/cifar"), 404, "not_found", "name")
    problem(client.get("/datasets/..%2f..%2fetc"), 404, "not_found", "name")


def test_a_zip_is_taken_in_evaluated_and_deleted(client: TestClient, folder: Path) -> None:
    answer = upload(client, zipped_classes(3, "top/"))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/datasets/mine"
    facts = DatasetFacts.model_validate(answer.json())
    assert (facts.images, facts.class_names, facts.deletable) == (6, ["cat", "dog"], True)
    assert client.get("/datasets/mine").json() == answer.json()
    assert [path.name for path in folder.iterdir()] == ["mine"]

    job = {"experiment": "patch-drop", "models": ["tiny"], "dataset": "mine"}
    submitted = client.post("/jobs", json=job | {"params": {"ratios": [0.5], "runs": 1}})
    assert submitted.status_code == 202, submitted.text
    assert finished(client, submitted.json()["id"]).state == "succeeded"

    assert client.delete("/datasets/mine").status_code == 204
    assert "mine" not in listed(client)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_cannot_be_deleted(client: TestClient, name: str) -> None:
    problem(client.delete(f"/datasets/{name}"), 409, "dataset_protected", "name")


def test_what_the_owner_put_there_is_indexed_by_itself(cache: Path, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, models=("tiny",))
    voc_folder(settings.data_dir / "early")
    (settings.data_dir / "csv").mkdir()
    (settings.data_dir / "csv/labels.csv").write_text("file,label\ngone.png,cat\n")
    with TestClient(create_app(settings, extra_specs=TINY_SPECS)) as own:
        wait_for(lambda: listed(own)["early"].indexed)
        for split in ("train", "test"):
            class_folder(settings.data_dir / "late" / split)
        wait_for(lambda: listed(own)["late/test"].indexed)
        assert own.get("/datasets/late/train").json()["images"] == 12
        wait_for(lambda: "gone.png" in str(listed(own)["csv"].problem))
        problem(own.delete("/datasets/late/train"), 409, "dataset_protected", "name")


def test_a_data_set_in_use_is_not_deleted(client: TestClient, folder: Path) -> None:
    assert upload(client, zipped_classes(20)).status_code == 201
    long = {"experiment": "patch-drop", "models": ["tiny"], "dataset": "mine"}
    job = client.post("/jobs", json=long | {"params": {"ratios": [0.5], "runs": 100}}).json()["id"]
    body = problem(client.delete("/datasets/mine"), 409, "dataset_protected", "name")
    assert job in body["detail"]
    client.delete(f"/jobs/{job}")
    assert finished(client, job).state == "cancelled"
    assert client.delete("/datasets/mine").status_code == 204


def test_a_name_that_is_taken_is_refused(client: TestClient, folder: Path) -> None:
    data = zipped_classes(1)
    problem(upload(client, data, "cifar10-sample"), 409, "dataset_exists", "name")
    assert upload(client, data).status_code == 201
    problem(upload(client, data), 409, "dataset_exists", "name")
    client.delete("/datasets/mine")


@pytest.mark.parametrize("name", ["", "..", "../mine", "a/b", ".hidden", "x" * 65])
def test_a_name_that_cannot_be_is_refused(client: TestClient, folder: Path, name: str) -> None:
    problem(upload(client, zipped_classes(1), name), 422, "invalid_input", "name")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        image_bytes(0),
        zip_of({}),
        zip_of({"notes.txt": b"x"}),
        zip_of({"../a.png": image_bytes(0)}),
        zip_of({"a.png": bytes(10**7)}),
        zip_of({"a.png": image_bytes(0), "labels.csv": b"file,label\nb.png,x\n"}),
        zipped_classes(2)[:-30],
    ],
)
def test_a_zip_that_is_none_is_refused(client: TestClient, folder: Path, data: bytes) -> None:
    problem(upload(client, data), 422, "invalid_dataset", "file")


Parts = list[tuple[str, tuple[str | None, bytes | str]]]


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([("name", (None, "mine"))], "file"),
        ([("file", ("a.zip", b"x"))], "name"),
        ([("name", (None, "a")), ("name", (None, "b")), ("file", ("a.zip", b"x"))], "name"),
        ([("name", (None, "a")), ("file", ("a.zip", b"x")), ("file", ("b.zip", b"x"))], "file"),
        ([("nmae", (None, "mine")), ("file", ("a.zip", b"x"))], "nmae"),
        ([("name", (None, "x" * 2000)), ("file", ("a.zip", b"x"))], "name"),
        ([("name", (None, b"\xff")), ("file", ("a.zip", b"x"))], "name"),
    ],
)
def test_a_form_that_is_wrong_names_the_field(
    client: TestClient, folder: Path, parts: Parts, field: str
) -> None:
    problem(client.post("/datasets", files=parts), 422, "invalid_input", field)


FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("media_type", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"", 415),
        ("multipart/form-data", b"x", 400),
        (FORM, b"", 400),
        (FORM, b"what", 400),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nPK', 400),
        (FORM + "b" * 500, b"x", 400),
    ],
)
def test_a_body_that_is_no_form(
    client: TestClient, folder: Path, media_type: str, content: bytes, status: int
) -> None:
    headers = {"content-type": media_type}
    answer = client.post("/datasets", headers=headers, content=content)
    code = {415: "unsupported_media_type", 400: "malformed_body"}[status]
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.fixture
def small(tmp_path: Path) -> Iterator[httpx.Client]:
    """A real server that takes data sets of up to 20 kB, at its own pace."""
    settings = tiny_settings(
        tmp_path, models=("tiny",), max_dataset_bytes=20_000, transfer_timeout_s=20
    )
    with (
        serving(create_app(settings, extra_specs=TINY_SPECS)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client
    assert list(settings.data_dir.glob("*")) == []


def test_more_bytes_than_allowed_are_refused(small: httpx.Client) -> None:
    problem(upload(small, bytes(200_000)), 413, "body_too_large", "body")

    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
        for _ in range(40):
            yield bytes(10_000)

    answer = small.post(
        "/datasets",
        content=chunks(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    problem(answer, 413, "body_too_large", "body")


def test_what_comes_out_is_bounded_too(small: httpx.Client) -> None:
    files = {f"{number}.png": bytes(9000) for number in range(10)}
    body = problem(upload(small, zip_of(files)), 422, "invalid_dataset", "file")
    assert "20000 bytes" in body["detail"]


def test_a_client_that_leaves_leaves_nothing(small: httpx.Client, tmp_path: Path) -> None:
    data_dir = tmp_path / "datasets"
    with socket.create_connection((small.base_url.host, small.base_url.port or 80)) as line:
        line.sendall(
            b"POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 15000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(99)
        )
        wait_for(lambda: any(data_dir.glob(".incoming-*")))
    wait_for(lambda: not any(data_dir.glob(".incoming-*")))


def test_too_many_uploads_at_once_are_asked_to_come_back(
    small: httpx.Client, tmp_path: Path
) -> None:
    lines = [
        socket.create_connection((small.base_url.host, small.base_url.port or 80))
        for _ in range(MAX_UPLOADS)
    ]
    for line in lines:
        line.sendall(
            b"POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 15000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
    folders = tmp_path / "datasets"
    wait_for(lambda: len(list(folders.glob(".incoming-*"))) == MAX_UPLOADS)
    answer = upload(small, zipped_classes(1))
    problem(answer, 429, "overloaded")
    assert int(answer.headers["retry-after"]) > 0
    for line in lines:
        line.close()
    wait_for(lambda: not any(folders.glob(".incoming-*")))
    assert upload(small, zipped_classes(1)).status_code == 201
    small.delete("/datasets/mine")


def test_one_of_many_uploads_of_a_name_wins(small: httpx.Client) -> None:
    data = zipped_classes(1)
    with ThreadPoolExecutor(MAX_UPLOADS) as threads:
        answers = list(threads.map(lambda _: upload(small, data), range(MAX_UPLOADS)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (MAX_UPLOADS - 1)
    small.delete("/datasets/mine")


def test_a_data_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings = tiny_settings(tmp_path, models=("tiny",), data_dir=tmp_path / "file")
    with TestClient(create_app(settings, extra_specs=TINY_SPECS)) as own:
        problem(upload(own, zipped_classes(1)), 507, "storage_full")
        assert list(listed(own)) == SAMPLES
