"""Clients that send too much, too slowly, or leave: over real sockets, to a real server."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import httpx
import pytest

from app.factory import create_app
from tests.conftest import TINY_SPECS, serving, tiny_settings
from tests.pictures import photo_file

MEGABYTE = 1_000_000
WAIT_S = 120
FORM = b"--b\r\nContent-Disposition: form-data; name=image; filename=a.jpg\r\n\r\n"


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=WAIT_S)
    connection.settimeout(WAIT_S)
    return connection


def request_head(path: str, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: test",
        "Content-Type: multipart/form-data; boundary=b",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + WAIT_S
    while not condition():
        assert monotonic() < end
        sleep(0.01)


def metric(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_a_large_body_is_refused_before_any_of_it_is_sent(tiny_server: str) -> None:
    with connect(tiny_server) as connection:
        connection.sendall(request_head("/predict", f"Content-Length: {11 * MEGABYTE}"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/predict", "/segment", "/models", "/nowhere", "/"])
def test_every_path_refuses_it(tiny_server: str, path: str) -> None:
    answer = httpx.post(tiny_server + path, content=bytes(11 * MEGABYTE))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "content-security-policy" in answer.headers


def test_a_client_that_sends_all_before_it_reads_sees_the_answer(tiny_server: str) -> None:
    with connect(tiny_server) as connection:
        connection.sendall(request_head("/predict", f"Content-Length: {30 * MEGABYTE}"))
        connection.sendall(bytes(30 * MEGABYTE))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_the_connection_is_good_for_another_request(tiny_server: str) -> None:
    with httpx.Client(base_url=tiny_server) as client:
        assert client.post("/predict", content=bytes(11 * MEGABYTE)).status_code == 413
        assert client.get("/healthz").status_code == 200


def test_chunks_are_refused_too(tiny_server: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield FORM
        for _ in range(30):
            yield bytes(MEGABYTE)

    answer = httpx.post(
        f"{tiny_server}/predict",
        content=chunks(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("expect", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]])
def test_curl_shows_the_answer(tiny_server: str, tmp_path: Path, expect: list[str]) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(11 * MEGABYTE))
    command = ["curl", "-sS", *expect, "-F", f"image=@{large}", f"{tiny_server}/predict"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "body_too_large" in answer.stdout


def test_a_slow_upload_is_given_up(cache: Path) -> None:
    settings = tiny_settings(cache, models=(), transfer_timeout_s=0.2)
    with serving(create_app(settings, extra_specs=TINY_SPECS)) as url, connect(url) as connection:
        connection.sendall(request_head("/predict", "Content-Length: 1000") + FORM)
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
        until(lambda: connection.recv(1000) == b"")


def test_a_client_that_leaves_early_costs_nothing(tiny_server: str) -> None:
    with connect(tiny_server) as connection:
        connection.sendall(request_head("/predict", "Content-Length: 1000") + FORM)
    until(lambda: metric(tiny_server, "ipvit_http_requests_in_progress") == 1)
    assert metric(tiny_server, "ipvit_in_flight") == 0


def test_work_is_called_off_when_the_client_leaves(tiny_server: str) -> None:
    gone = 'ipvit_http_requests_total{method="POST",route="/occlude",status="499"'
    left = metric(tiny_server, gone)
    request = httpx.Request(
        "POST",
        f"{tiny_server}/occlude",
        files={"image": photo_file(800, 600)},
        data={
            "model": "tiny_224",
            "include_images": "false",
            "ratio": [str(number / 100) for number in range(20)],
            "seed": [str(seed) for seed in range(50)],
        },
    )
    body = request.read()
    head = "\r\n".join(
        ["POST /occlude HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    )
    with connect(tiny_server) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        until(lambda: metric(tiny_server, "ipvit_in_flight") == 1)
    until(lambda: metric(tiny_server, "ipvit_in_flight") == 0)
    until(lambda: metric(tiny_server, gone) == left + 1)


def test_garbage_is_no_reason_to_fall_over(tiny_server: str) -> None:
    for garbage in (
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with connect(tiny_server) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
            assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert httpx.get(f"{tiny_server}/healthz").status_code == 200


def test_many_at_once_each_get_their_own_answer(tiny_server: str) -> None:
    files = {side: photo_file(side, 50) for side in range(40, 80)}
    with httpx.Client(base_url=tiny_server, timeout=WAIT_S) as client:

        def width_of(side: int) -> int:
            answer = client.post("/predict", files={"image": files[side]}, data={"model": "tiny"})
            width: int = answer.json()["image"]["width"]
            return width

        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(width_of, files)) == list(files)


@contextmanager
def server_process() -> Iterator[tuple[str, int]]:
    """A server in a process of its own, without models: its URL and process id."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {**os.environ, "IPVIT_MODELS": "", "IPVIT_PORT": str(port)}
    command = [sys.executable, "-c", "from app.commands.serve import serve; serve()"]
    process = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or is_ready(url))
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(WAIT_S)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def resident_bytes(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("expected VmRSS")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_stays_flat_under_large_bodies() -> None:
    body = bytes(11 * MEGABYTE)
    peak = 0
    with server_process() as (url, process_id), ThreadPoolExecutor(8) as pool:
        before = resident_bytes(process_id)
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.005):
                peak = max(peak, resident_bytes(process_id))

        watcher = threading.Thread(target=watch)
        watcher.start()
        statuses = list(
            pool.map(
                lambda _: httpx.post(f"{url}/predict", content=body, timeout=WAIT_S).status_code,
                range(40),
            )
        )
        done.set()
        watcher.join()
    assert statuses == [413] * 40
    assert peak - before < 20 * MEGABYTE
