"""Alerts: what a book should be told of unasked, as pure rules over its events.

An alert is raised once, by the event that made it true, and only while that lies inside the period it speaks of. The
room's parts: `alert` (what an alert is), `thresholds` (budgets), `spending` (velocity and unusual amounts).
"""

from __future__ import annotations

from domain.alerts.alert import Alert, Param, alert_record, day_in
from domain.alerts.spending import Watch, observe, payee_text, watch_of, watch_record
from domain.alerts.thresholds import PACE_AFTER_DAYS, PACE_AFTER_TRANSACTIONS, THRESHOLDS_PERCENT

__all__ = [
    "PACE_AFTER_DAYS",
    "PACE_AFTER_TRANSACTIONS",
    "THRESHOLDS_PERCENT",
    "Alert",
    "Param",
    "Watch",
    "alert_record",
    "day_in",
    "observe",
    "payee_text",
    "watch_of",
    "watch_record",
]
