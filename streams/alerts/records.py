"""Alerts as Kafka records, in CloudEvents 1.0 binary mode.

A derived record has no version and no hash of its own, for it can always be made again from the log; its id says what
it tells, so that whoever reads keeps the first of several and drops the rest.
"""

from __future__ import annotations

import orjson

from domain.alerts import Alert, alert_record
from streams.wire import CONTENT_TYPE, SOURCE, SPEC_VERSION, Record


def to_record(alert: Alert) -> Record:
    """The record of an alert, keyed by its book. Its value has the alert's fields, and no text that a person wrote."""
    key = alert.book.encode()
    headers = [
        ("content-type", CONTENT_TYPE.encode()),
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", alert.alert_id.encode()),
        ("ce_type", f"alerts.{alert.rule}.v1".encode()),
        ("ce_source", SOURCE.encode() + key),
        ("ce_subject", key),
        ("ce_time", alert.raised_at.encode()),
    ]
    return Record(key, orjson.dumps(alert_record(alert)), headers)
