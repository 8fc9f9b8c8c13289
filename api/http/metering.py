"""Metering: counters of this process for Prometheus, and nothing that speaks of anybody.

Labels are routes as they are registered, never paths as they are called, so that neither names nor ids get in and the
number of series is bounded.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from api.parts import Parts

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_UNROUTED = "unrouted"


class Meter:
    """The measurements of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.open = 0
        self._seconds = Histogram(
            "finshift_http_request_seconds",
            "How long requests took.",
            ["method", "route", "status"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        being_answered = Gauge("finshift_http_requests_open", "Requests being answered.", registry=self.registry)
        being_answered.set_function(lambda: self.open)
        self._seen: dict[tuple[str, str, int], Histogram] = {}

    def begin(self) -> None:
        self.open += 1

    def end(self, scope: Scope, status: int, took_s: float) -> None:
        self.open -= 1
        route = scope.get("route")
        place = (scope["method"], route.path, status) if route is not None else ("any", _UNROUTED, status)
        seconds = self._seen.get(place)
        if seconds is None:
            method, path, _ = place
            seconds = self._seen[place] = self._seconds.labels(method, path, str(status))
        seconds.observe(took_s)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class PartsCollector(Collector):
    """What the parts tell when they are asked: the queue, and how far each projection is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def describe(self) -> list[Metric]:
        return []  # asked at registration, before anything can be told

    def collect(self) -> list[Metric]:
        queued = GaugeMetricFamily("finshift_commands_queued", "Commands waiting for the committer.")
        queued.add_metric([], self._parts.bus.queued)
        age = GaugeMetricFamily(
            "finshift_projection_lag_seconds", "How long ago the first of them was recorded.", labels=["projection"]
        )
        lag = GaugeMetricFamily("finshift_projection_lag_events", "Events not applied yet.", labels=["projection"])
        parked = GaugeMetricFamily("finshift_projection_parked_books", "Books put aside.", labels=["projection"])
        for status in self._parts.runner.status():
            lag.add_metric([status.name], status.lag)
            age.add_metric([status.name], status.lag_s)
            parked.add_metric([status.name], len(status.parked))
        return [queued, lag, age, parked]
