"""Budgets' alerts: a threshold is reached, or will be at the pace of the period so far.

A threshold speaks when an event makes it true inside the budget's period, once for each time that it was armed. A
period arms all of them; a changed limit arms those that are above the ratio then, and says nothing of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from domain.alerts.alert import Alert, Param, raise_alert
from domain.money import decimal_text, round_half_up
from domain.recorded import Recorded

THRESHOLDS_PERCENT = (80, 100)
"""Of the limit: below 100 reached when spent is at least that, 100 when spent is more than the limit."""

LIMIT_PERCENT = 100

PACE_AFTER_DAYS = 7
PACE_AFTER_TRANSACTIONS = 3
"""Before so many days of a period, and so many transactions in them, spending says nothing about the rest of it."""


@dataclass(frozen=True, slots=True)
class Later:
    """What is dated on a day that has not come yet: minor units, and how many transactions."""

    day: date
    minor: int
    entries: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A budget in its current period, amounts in minor units of the limit's commodity.

    `accounts`: the category and all below it. `so_far` and `entries` are of the days up to `today`, `later` is dated
    after it. `armed`: each threshold that has not spoken, by the version that armed it; `forecast` the same of the
    forecast, 0 once it has spoken.
    """

    budget: str
    account: str
    accounts: frozenset[str]
    commodity: str
    scale: int
    first: date
    last: date
    limit: int
    today: date
    so_far: int
    entries: int
    later: tuple[Later, ...]
    armed: Mapping[int, int]
    forecast: int

    @property
    def spent(self) -> int:
        return self.so_far + sum(later.minor for later in self.later)


def reaches(percent: int, spent: int, limit: int) -> bool:
    """Whether spending has reached a threshold of a limit, both in minor units. Of no limit there is no part."""
    if percent >= LIMIT_PERCENT:
        return spent * 100 > percent * limit
    return limit > 0 and spent * 100 >= percent * limit


def armed_by(version: int) -> dict[int, int]:
    """All thresholds, armed by the event that told the limit: how a period begins."""
    return dict.fromkeys(THRESHOLDS_PERCENT, version)


def rearmed(before: Progress | None, progress: Progress, version: int) -> Progress:
    """The progress after its limit was told inside the period, by the event `version`.

    What lies above the ratio is armed anew. What is reached stays silent: who told the limit knows, and `before` has
    said the rest.
    """
    spent = progress.spent
    kept = dict(before.armed) if before is not None else {}
    for percent in THRESHOLDS_PERCENT:
        if not reaches(percent, spent, progress.limit):
            kept[percent] = version
    return replace(progress, armed=dict(sorted(kept.items())), forecast=version)


def on_day(progress: Progress, today: date) -> Progress:
    """The progress on a day of the same period, which is never before the day that it stands on."""
    if today <= progress.today:
        return progress
    come = [later for later in progress.later if later.day <= today]
    return replace(
        progress,
        today=today,
        so_far=progress.so_far + sum(later.minor for later in come),
        entries=progress.entries + sum(later.entries for later in come),
        later=tuple([later for later in progress.later if later.day > today]),
    )


def moved(progress: Progress, day: date, minor: int, entries: int) -> Progress:
    """The progress after so much more was posted on a day, by so many more transactions (or fewer)."""
    if not progress.first <= day <= progress.last:
        return progress
    if day <= progress.today:
        return replace(progress, so_far=progress.so_far + minor, entries=progress.entries + entries)
    later = {each.day: each for each in progress.later}
    old = later.pop(day, Later(day, 0, 0))
    new = Later(day, old.minor + minor, old.entries + entries)
    if new.minor or new.entries:
        later[day] = new
    return replace(progress, later=tuple([later[each] for each in sorted(later)]))


def thresholds_crossed(recorded: Recorded, spent_before: int, progress: Progress) -> tuple[Progress, tuple[Alert, ...]]:
    """The alert of the highest armed threshold that an event made true; those below it have had their say as well.

    `spent_before`: what was spent under the same limit before the event, in minor units.
    """
    spent, limit = progress.spent, progress.limit
    crossed = [
        percent
        for percent in progress.armed
        if reaches(percent, spent, limit) and not reaches(percent, spent_before, limit)
    ]
    if not crossed:
        return progress, ()
    highest = max(crossed)
    params: dict[str, Param] = {
        **_told(progress),
        "percent": highest,
    }
    code = "budget_exceeded" if highest >= LIMIT_PERCENT else "budget_threshold_reached"
    alert = raise_alert(
        recorded,
        "budget_threshold",
        progress.budget,
        progress.first,
        highest,
        code,
        params,
        armed=progress.armed[highest],
    )
    left = {percent: version for percent, version in progress.armed.items() if percent > highest}
    return replace(progress, armed=left), (alert,)


def forecast(recorded: Recorded, progress: Progress) -> tuple[Progress, tuple[Alert, ...]]:
    """The alert that the limit will be crossed before the period ends, with the day, once for each arming.

    At the pace of the days so far, that of the event included, and with what is dated later counted once; after 7 days
    and 3 transactions. Of a limit that is crossed already nothing is left to foresee.
    """
    if not progress.forecast or progress.spent > progress.limit:
        return progress, ()
    elapsed_days = (progress.today - progress.first).days + 1
    if elapsed_days < PACE_AFTER_DAYS or progress.entries < PACE_AFTER_TRANSACTIONS:
        return progress, ()
    period_days = (progress.last - progress.first).days + 1
    projected = round_half_up(Decimal(progress.so_far) * period_days / elapsed_days, 0) + (
        progress.spent - progress.so_far
    )
    if projected <= progress.limit:
        return progress, ()
    params: dict[str, Param] = {
        **_told(progress),
        "projected": decimal_text(projected, progress.scale),
        "day": _day_crossed(progress, elapsed_days).isoformat(),
    }
    alert = raise_alert(
        recorded,
        "budget_forecast",
        progress.budget,
        progress.first,
        LIMIT_PERCENT,
        "budget_will_be_exceeded",
        params,
        armed=progress.forecast,
    )
    return replace(progress, forecast=0), (alert,)


def _day_crossed(progress: Progress, elapsed_days: int) -> date:
    """The first day at whose end more than the limit will be spent; its last where only rounding says so."""
    falls = {later.day: later.minor for later in progress.later}
    dated, since = 0, progress.today
    for until in [*falls, progress.last]:
        # From here up to the day before `until` nothing more is dated: the pace alone decides.
        left = (progress.limit - progress.so_far - dated) * elapsed_days
        if progress.so_far > 0:
            days = max(left // progress.so_far + 1, (since - progress.today).days)
            day = progress.today + timedelta(days=days) if days <= (until - progress.today).days else until
            if day < until:
                return day
        dated += falls.get(until, 0)
        paced = progress.so_far * (until - progress.today).days
        if paced > (progress.limit - progress.so_far - dated) * elapsed_days:
            return until
        since = until
    return progress.last


def _told(progress: Progress) -> dict[str, Param]:
    return {
        "budget": progress.budget,
        "account": progress.account,
        "spent": decimal_text(progress.spent, progress.scale),
        "limit": decimal_text(progress.limit, progress.scale),
        "commodity": progress.commodity,
        "first": progress.first.isoformat(),
        "last": progress.last.isoformat(),
    }


# As plain values


def progress_record(progress: Progress) -> dict[str, Any]:
    """The progress in plain values, as JSON has them."""
    return {
        "budget": progress.budget,
        "account": progress.account,
        "accounts": sorted(progress.accounts),
        "commodity": progress.commodity,
        "scale": progress.scale,
        "first": progress.first.isoformat(),
        "last": progress.last.isoformat(),
        "limit": progress.limit,
        "today": progress.today.isoformat(),
        "so_far": progress.so_far,
        "entries": progress.entries,
        "later": [[later.day.isoformat(), later.minor, later.entries] for later in progress.later],
        "armed": [[percent, version] for percent, version in sorted(progress.armed.items())],
        "forecast": progress.forecast,
    }


def progress_of(record: Mapping[str, Any]) -> Progress:
    """The progress that `progress_record` told."""
    return Progress(
        record["budget"],
        record["account"],
        frozenset(record["accounts"]),
        record["commodity"],
        record["scale"],
        date.fromisoformat(record["first"]),
        date.fromisoformat(record["last"]),
        record["limit"],
        date.fromisoformat(record["today"]),
        record["so_far"],
        record["entries"],
        tuple([Later(date.fromisoformat(day), minor, entries) for day, minor, entries in record["later"]]),
        dict(record["armed"]),
        record["forecast"],
    )
