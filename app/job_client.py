"""Talk to a service's `/jobs` from the command line."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from ipvit.errors import IPViTError

__all__ = ["JobClient", "ServerRefused", "ServerUnreachable"]

TIMEOUT_S = 60.0
"""Above the 15 s between two signs of life in a stream of events."""

RECONNECT_S = 1.0

Json = dict[str, Any]


class ServerRefused(IPViTError):
    """The server answered with a problem; the message is its detail."""


class ServerUnreachable(IPViTError):
    """Nothing answers at the server's address."""


class JobClient:
    """One service.

    server: its address, such as "http://127.0.0.1:8000". api_key: sent as X-API-Key if given.
    Methods raise ServerRefused and ServerUnreachable.
    """

    def __init__(self, server: str, api_key: str | None = None) -> None:
        self.server = server
        self._http = httpx.Client(
            base_url=server,
            timeout=TIMEOUT_S,
            headers={"X-API-Key": api_key} if api_key else {},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(self, submission: Mapping[str, Any]) -> Json:
        """Queue a job."""
        return self._json("POST", "/jobs", json=submission)

    def estimate(self, submission: Mapping[str, Any]) -> Json:
        """How much a job would be."""
        return self._json("POST", "/jobs/estimate", json=submission)

    def job(self, job_id: str) -> Json:
        """How a job stands."""
        return self._json("GET", f"/jobs/{job_id}")

    def jobs(self, **filters: Any) -> list[Json]:
        """The newest jobs; filters as `GET /jobs` takes them."""
        found: list[Json] = self._json("GET", "/jobs", params=filters)["jobs"]
        return found

    def cancel(self, job_id: str, *, purge: bool = False) -> Json:
        """Cancel a job, or delete a finished one."""
        return self._json("DELETE", f"/jobs/{job_id}", params={"purge": purge})

    def result(self, job_id: str, result_format: str, *, partial: bool = False) -> bytes:
        """The result as a json, csv or png file."""
        query = {"format": result_format, "partial": partial}
        return self._request("GET", f"/jobs/{job_id}/result", params=query).content

    def watch(self, job_id: str, on_loss: Callable[[], None] = lambda: None) -> Iterator[Json]:
        """The job as it stands, on every change until it ends.

        on_loss: called when the connection is lost; it is made again until it holds.
        """
        self.job(job_id)
        while True:
            try:
                for kind, data in self._events(job_id):
                    if kind == "job":
                        yield data
                    elif kind == "end":
                        return
            except httpx.TransportError:
                on_loss()
            # A server that ends closes its streams; it may be back soon.
            time.sleep(RECONNECT_S)

    def _events(self, job_id: str) -> Iterator[tuple[str, Any]]:
        with self._http.stream("GET", f"/jobs/{job_id}/events") as answer:
            if answer.status_code >= 500:
                return
            if answer.is_error:
                answer.read()
                raise _refusal(answer)
            kind = ""
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    def _json(self, method: str, path: str, **options: Any) -> Json:
        answer: Json = self._request(method, path, **options).json()
        return answer

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServerUnreachable(
                f"expected a service at {self.server}: {error}; start one with: ipvit serve"
            ) from error
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx.Response) -> ServerRefused:
    try:
        problem = answer.json()
        return ServerRefused(str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return ServerRefused(f"expected an answer of IPViT Lab, got HTTP {answer.status_code}")
