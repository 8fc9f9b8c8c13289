"""Metering of the roles that serve nothing else: what Prometheus asks them."""

from __future__ import annotations

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from commands.ports import StoreUnavailable
from streams.relay import Relay


class RelayCollector(Collector):
    """How far behind the store the topic is. A relay that waits for another one, or for the weather, tells no lag."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def describe(self) -> list[Metric]:
        return []  # asked at registration, before anything can be told

    def collect(self) -> list[Metric]:
        works = GaugeMetricFamily("finshift_relay_working", "Whether this relay is the one that publishes.")
        events = GaugeMetricFamily("finshift_relay_lag_events", "Events not published yet.")
        seconds = GaugeMetricFamily("finshift_relay_lag_seconds", "How long ago the first of them was recorded.")
        try:
            lag = self._relay.lag()
        except StoreUnavailable:
            lag = None
        works.add_metric([], int(lag is not None))
        if lag is not None:
            events.add_metric([], lag.events)
            seconds.add_metric([], lag.seconds)
        return [works, events, seconds]
