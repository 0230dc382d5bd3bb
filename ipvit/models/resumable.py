"""Download a file in as many pieces as the network makes of it."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from ipvit.errors import WeightsUnavailable

__all__ = ["Progress", "fetch"]

Progress = Callable[[int, int | None], None]

MAX_FRUITLESS_ATTEMPTS = 5

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class _Interrupted(Exception):
    """The transfer broke off; another attempt may go on."""


def fetch(
    client: httpx.Client,
    url: str,
    part: Path,
    progress: Progress | None,
    pause_s: Callable[[int], float],
) -> str | None:
    """Complete `part` with what `url` serves.

    Asks for the rest only (Range) where a part of the same version (If-Range) is there, and
    starts anew where the server cannot. Gives up after `MAX_FRUITLESS_ATTEMPTS` in a row that
    brought no byte. Returns the SHA-256 the server states (X-Linked-Etag), None if it does not.
    Raises WeightsUnavailable.
    """
    fruitless = 0
    while True:
        before = _size(part)
        try:
            return _attempt(client, url, part, progress)
        except (_Interrupted, httpx.TransportError) as exc:
            fruitless = 0 if _size(part) > before else fruitless + 1
            if fruitless >= MAX_FRUITLESS_ATTEMPTS:
                raise WeightsUnavailable(
                    f"the download of {url} broke off after {_size(part)} bytes ({exc}); "
                    "run the same command again to go on from there"
                ) from exc
            time.sleep(pause_s(fruitless))


def _attempt(client: httpx.Client, url: str, part: Path, progress: Progress | None) -> str | None:
    validator = part.with_suffix(".validator")
    offset = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if offset and validator.is_file():
        headers |= {
            "Range": f"bytes={offset}-",
            "If-Range": validator.read_text(encoding="ascii"),
        }
    with client.stream("GET", url, headers=headers) as response:
        total = _total(response, offset)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if total != offset:
                part.unlink()
                raise _Interrupted(f"the server has no byte {offset} of {total}")
        else:
            _check_status(response, url)
            resumes = response.status_code == httpx.codes.PARTIAL_CONTENT
            if not resumes:
                _remember_version(validator, response)
            _write(response, part, offset if resumes else 0, total, progress)
        stated = _stated_digest(response)
    validator.unlink(missing_ok=True)
    return stated


def _check_status(response: httpx.Response, url: str) -> None:
    if response.is_server_error or response.status_code in (
        httpx.codes.TOO_MANY_REQUESTS,
        httpx.codes.REQUEST_TIMEOUT,
    ):
        raise _Interrupted(f"HTTP {response.status_code}")
    if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise WeightsUnavailable(
            f"expected the weights at {url}, got HTTP {response.status_code} "
            f"{response.reason_phrase}"
        )


def _remember_version(validator: Path, response: httpx.Response) -> None:
    """Keep what names this version of the file; without it a part cannot be resumed safely."""
    etag = response.headers.get("ETag", "")
    version = (etag if etag.startswith('"') else "") or response.headers.get("Last-Modified")
    if version:
        validator.write_text(version, encoding="ascii")
    else:
        validator.unlink(missing_ok=True)


def _total(response: httpx.Response, offset: int) -> int | None:
    """The size of the whole file; raises _Interrupted if a range is not the one asked for."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code == httpx.codes.PARTIAL_CONTENT and (
        match is None or match[1] is None or int(match[1]) != offset
    ):
        raise _Interrupted(
            f"expected a range from byte {offset}, got {response.headers.get('Content-Range')!r}"
        )
    if match is not None:
        return None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return None if length is None else int(length)


def _write(
    response: httpx.Response, part: Path, offset: int, total: int | None, progress: Progress | None
) -> None:
    done = offset
    with part.open("ab" if offset else "wb") as file:
        # As it arrives: chunks of a fixed size would lose what was gathered when it breaks off.
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    if total is not None and done != total:
        raise _Interrupted(f"got {done} of {total} bytes")


def _stated_digest(response: httpx.Response) -> str | None:
    """Hugging Face's hub names the SHA-256 of a large file in the redirect that leads to it."""
    for answer in (*response.history, response):
        etag = answer.headers.get("X-Linked-Etag", "").strip('"')
        if _SHA256.fullmatch(etag):
            return str(etag)
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
