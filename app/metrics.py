"""Prometheus metrics, in a registry of their own for each app.

The engine's numbers are read from the backend when a scrape comes, not pushed by it.
"""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.backends import BackendStats

LATENCY_BUCKETS_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one app; `text()` is what `GET /metrics` answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ipvit_http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.latency = Histogram(
            "ipvit_http_request_seconds",
            "Time from a request's first byte to its answer's last, in seconds.",
            ("route",),
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "ipvit_http_requests_in_progress",
            "HTTP requests being answered.",
            registry=self.registry,
        )
        self.images = Counter(
            "ipvit_images", "Images analysed, by call.", ("task",), registry=self.registry
        )

    def watch_backend(self, stats: Callable[[], BackendStats]) -> None:
        """Report the engine's numbers at each scrape."""
        self.registry.register(_BackendCollector(stats))

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)


class _BackendCollector(Collector):
    """The engine's numbers, read once for each scrape."""

    def __init__(self, stats: Callable[[], BackendStats]) -> None:
        self.stats = stats

    def describe(self) -> Iterable[Metric]:
        """Nothing to reserve: the names below are the engine's alone."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read the numbers."""
        now = self.stats()
        for name, meaning, gauge in (
            ("in_flight", "Analyses waiting or being worked on.", now.in_flight),
            ("queue_depth_images", "Images waiting for a network.", now.waiting_images),
            ("busy_lanes", "Lanes running a forward pass.", now.busy_lanes),
            ("forward_images_per_second", "Recent speed of the engine.", now.images_per_s),
        ):
            yield GaugeMetricFamily(f"ipvit_{name}", meaning, value=gauge)
        for name, meaning, count in (
            ("rejected", "Forward requests refused because the queue was full.", now.rejected),
            ("expired", "Forward requests whose deadline passed.", now.expired),
            (
                "lane_busy_seconds",
                "Time that lanes spent on decoding and in forward passes.",
                now.busy_seconds,
            ),
        ):
            yield CounterMetricFamily(f"ipvit_{name}", meaning, value=count)
        batch = SummaryMetricFamily(
            "ipvit_batch_images", "Images in each merged forward pass: how many, and their sum."
        )
        batch.add_metric([], count_value=now.batches, sum_value=now.images)
        yield batch
        yield from _queue_metrics(now)


def _queue_metrics(now: BackendStats) -> Iterable[Metric]:
    """What lies between the service and its workers; nothing where there is no queue."""
    for name, meaning, by_queue in (
        ("workers", "Workers that take work.", now.workers),
        ("queue_messages", "Messages waiting for a worker.", now.queue_messages),
    ):
        gauge = GaugeMetricFamily(f"ipvit_{name}", meaning, labels=["queue"])
        for queue, value in by_queue.items():
            gauge.add_metric([queue], value)
        yield gauge
    for name, meaning, count, total in (
        ("queue_wait", "Waiting of a request for a worker", now.waits, now.wait_seconds),
        ("shard", "Work on a finished shard of a job", now.shards, now.shard_seconds),
    ):
        summary = SummaryMetricFamily(f"ipvit_{name}_seconds", f"{meaning}, in seconds.")
        summary.add_metric([], count_value=count, sum_value=total)
        yield summary


class Measure:
    """Count and time each request by its route, never by its raw path."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.in_progress.inc()
        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            self.metrics.in_progress.dec()
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.latency.labels(route).observe(time.perf_counter() - started_s)


def _route_of(scope: Scope) -> str:
    if scope["path"].startswith("/static/"):
        return "/static"
    return str(getattr(scope.get("route"), "path", "unmatched"))
