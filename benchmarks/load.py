"""A load client as cheap as Python allows, so that the server keeps the machine.

Run as `python -m benchmarks.load` with a JSON order on stdin, as a process of its own; prints a
JSON report. Each client keeps one connection and sends its next request when it has its answer.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.photos import photos
from benchmarks.processes import Server

BOUNDARY = "ipvit-benchmark-boundary"


@dataclass
class Tally:
    """What the clients saw after the warm-up."""

    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0
    first_failure: str = ""


class Client(asyncio.Protocol):
    """One connection: writes requests, waits for whole answers."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.answered: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = bytes(self.buffer).partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) >= length and self.answered is not None:
            self.buffer.clear()
            self.answered.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(exc or ConnectionError("the server hung up"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to `request`."""
        assert self.transport is not None
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answered


def encode(path: str, photo: bytes, fields: list[list[str]]) -> bytes:
    """A whole HTTP request: a multipart form with an image."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    parts.append(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + photo
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    body = b"".join(parts)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _client(order: dict[str, Any], requests: list[bytes], turn: int, tally: Tally) -> None:
    counted_from_s = time.perf_counter() + order["warm_up_s"]
    end_s = counted_from_s + order["seconds"]
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, "127.0.0.1", order["port"])
    while (sent_s := time.perf_counter()) < end_s or not tally.latencies_s:
        status, body = await client.ask(requests[turn % len(requests)])
        turn += 1
        answered_s = time.perf_counter()
        if status != 200:
            tally.failures += 1
            tally.first_failure = tally.first_failure or f"{status}: {body[:300]!r}"
            return
        elif counted_from_s <= answered_s and (answered_s < end_s or not tally.latencies_s):
            tally.latencies_s.append(answered_s - sent_s)


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Send requests for a while; count those answered after the warm-up."""
    tally = Tally()
    requests = [encode(order["path"], photo, order["fields"]) for photo in photos()]
    clients = range(order["clients"])
    running = asyncio.gather(*(_client(order, requests, first, tally) for first in clients))
    target = Server(order["port"], order["watch_pid"])
    await asyncio.sleep(order["warm_up_s"])
    cpu_s, server_cpu_s = time.process_time(), target.cpu_s()
    await asyncio.sleep(order["seconds"])
    cpu_s, server_cpu_s = time.process_time() - cpu_s, target.cpu_s() - server_cpu_s
    await running
    return {
        "latencies_s": tally.latencies_s,
        "seconds": order["seconds"],
        "cpu_s": cpu_s,
        "server_cpu_s": server_cpu_s,
        "failures": tally.failures,
        "first_failure": tally.first_failure,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
