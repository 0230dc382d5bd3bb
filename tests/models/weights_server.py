"""A real HTTP server that serves one file, and misbehaves as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread


@dataclass
class WeightsServer:
    """break_after: bytes sent before the connection is cut, for each request in turn.

    statuses: sent instead of the file, for each request in turn.
    ranges: whether Range is honoured. etag: None sends none. linked_digest: X-Linked-Etag.
    requests: the headers of every request, in order.
    """

    body: bytes
    url: str = ""
    break_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"v1"'
    linked_digest: str | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def _handler(server: WeightsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with server.lock:
                server.requests.append(dict(self.headers))
                status = server.statuses.pop(0) if server.statuses else 200
                cut = server.break_after.pop(0) if server.break_after else None
            if self.path.startswith("/redirect"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/redirect"))
                if server.linked_digest:
                    self.send_header("X-Linked-Etag", f'"{server.linked_digest}"')
                self.end_headers()
            elif status != 200:
                self.send_error(status)
            else:
                self._send(cut)

        def _send(self, cut: int | None) -> None:
            size, start = len(server.body), 0
            asked = self.headers.get("Range")
            same = self.headers.get("If-Range") in (None, server.etag)
            if asked and same and server.ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= size:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{size}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(size - start))
            if server.etag:
                self.send_header("ETag", server.etag)
            self.end_headers()
            body = server.body[start:]
            self.wfile.write(body if cut is None else body[:cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests look at `requests`."""

    return Handler


@contextmanager
def serve(body: bytes, file: str = "weights.pth") -> Iterator[WeightsServer]:
    """Serve `body` at `url` on a free port of this machine."""
    served = WeightsServer(body)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as httpd:
        served.url = f"http://127.0.0.1:{httpd.server_port}/{file}"
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            httpd.shutdown()
            thread.join()
