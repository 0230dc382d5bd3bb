"""Who may call: API keys, compared in constant time, and a rate limit for each key or address.

Pages, documentation and health checks are open; everything else is guarded, so that a new route
is guarded unless someone opens it here.
"""

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import problem_response

OPEN_PATHS = frozenset(
    {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/model-cards", "/favicon.ico"}
)
OPEN_PREFIXES = ("/static/", "/problems")


def is_open(path: str) -> bool:
    """Whether anyone may read `path` at any rate."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


class RateLimit:
    """A token bucket for each caller, in a table of bounded size.

    A caller may make `per_minute` calls at once and gets them back evenly over a minute. When
    the table is full, the caller seen longest ago is forgotten.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        max_callers: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_minute = per_minute
        self.max_callers = max_callers
        self.clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Take one call from `caller`'s bucket; 0, or the seconds until there is one."""
        now = self.clock()
        left, since = self._buckets.pop(caller, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
        wait_s = 0.0 if left >= 1 else (1 - left) * 60 / self.per_minute
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > self.max_callers:
            self._buckets.popitem(last=False)
        return wait_s


class Access:
    """Refuse callers without a key, if keys are asked for, and those who call too often."""

    def __init__(self, app: ASGIApp, *, api_keys: Sequence[str], per_minute: int) -> None:
        self.app = app
        self.key_digests = tuple(_digest(key) for key in api_keys)
        self.rate = RateLimit(per_minute) if per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before its body is read."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        key = _key_of(Headers(scope=scope)) if self.key_digests else ""
        if self.key_digests and not self._is_known(key):
            refusal = problem_response(
                "unauthorized",
                "expected a known key in X-API-Key or Authorization: Bearer, got "
                + ("another" if key else "none"),
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
            return
        caller = _digest(key).hex() if self.key_digests else _address(scope)
        wait_s = self.rate.wait_s(caller) if self.rate else 0
        if self.rate and wait_s:
            refusal = problem_response(
                "rate_limited",
                f"expected at most {self.rate.per_minute} requests a minute",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_known(self, key: str) -> bool:
        """Compare with every key, so that the time tells nothing of which one came close."""
        digest = _digest(key)
        known = False
        for known_digest in self.key_digests:
            known |= hmac.compare_digest(digest, known_digest)
        return known


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _key_of(headers: Headers) -> str:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
