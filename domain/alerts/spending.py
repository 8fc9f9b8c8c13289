"""The spending watch: whether a book spends faster than it used to, and whether a purchase is unlike those before it.

A book is compared with itself alone, by when things happened, and only by robust statistics of its own past: medians,
ranks and the median absolute deviation, which one odd week or purchase cannot move. What is learnt late says nothing:
importing two years raises no alert about the past.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from domain.alerts.alert import Alert, day_in, raise_alert
from domain.book import BookErased, BookOpened
from domain.ledger import (
    UNCATEGORIZED,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    Kind,
    Posting,
    TransactionAmended,
    TransactionRecorded,
)
from domain.ledger.changes import Change, Standing, change_of
from domain.money import decimal_text
from domain.recorded import Recorded
from domain.words import words

WINDOW_DAYS = 7
"""What was spent in the last seven days is compared; and a purchase that is learnt later than that says nothing."""

WEEKS_COMPARED = 26
"""Half a year of earlier weeks: enough for a median and a rank, and recent enough to be the same life."""

MIN_WEEKS = 4
"""Earlier weeks with spending before a week can be unusual."""

VELOCITY_PERCENT = 200
"""Over twice the median of the earlier weeks."""

AS_HIGH_PERCENT = 67
WEEKS_PER_HIGH_ONE = 10
"""At most one earlier week in ten may have come to two thirds of it: rent, due every fourth or fifth week, alarms
nobody.
"""

PURCHASES_COMPARED = 12
MIN_PURCHASES = 5
"""A purchase is compared with the last 12 before it, and only where there are 5."""

UNUSUAL_PERCENT = 300
"""Over three times the median."""

MAD_LIMIT_E4 = 44_478
"""Three deviations, in ten-thousandths of the median absolute deviation: 3 x 1.4826, which makes it a standard
deviation where purchases are normally spread (C. Leys and others, Journal of Experimental Social Psychology 49, 2013).
Whose purchases differ widely, such as a supermarket's, so has more room.
"""

MAX_PURCHASES = 512
"""Purchases a book's watch remembers, the latest by their day: about ten weeks of a busy household."""

MAX_FUTURE_DAYS = 1_000
"""Days ahead with spending that are remembered in one commodity, the nearest: a loan's whole plan, and a card's."""

MAX_COMMODITIES = 16
"""Commodities that a book's watch follows: the first that were spent. No household spends in more."""

MAX_CATEGORIES = 1_000
"""Expense accounts that a book's watch follows: the first that were opened."""

KEY_CHARS = 16
"""Characters of the fingerprints of payees and transactions: within so few that are remembered none meet by chance."""


class Purchase(NamedTuple):
    """A remembered transaction. `minor` is 0 where it is no purchase now: a refund, or joined into a transfer.

    `day` is an ordinal; `category` is empty where it has several; `told` is 1 once an alert spoke of it.
    """

    day: int
    version: int
    transaction: str
    payee: str
    category: str
    commodity: str
    minor: int
    told: int


PAYEE, CATEGORY = Purchase._fields.index("payee"), Purchase._fields.index("category")


@dataclass(frozen=True, slots=True)
class Watch:
    """What the rules remember of one book, after the event `version`, whose hash is `hash` (hex).

    `categories`: each expense account, with the one it is part of now; `days`: by commodity, what was spent on a day
    (an ordinal), in minor units; `purchases` by day; `weeks`: by commodity the Monday last spoken of. No text about
    people is in it: payees are there as the fingerprints that were handed in.
    """

    version: int = 0
    hash: str = ""
    time_zone: str = "UTC"
    categories: Mapping[str, str] = field(default_factory=dict)
    uncategorized: str = ""
    days: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    purchases: tuple[Purchase, ...] = ()
    weeks: Mapping[str, int] = field(default_factory=dict)


def payee_text(recorded: Recorded) -> str:
    """What is to be fingerprinted of an event's payee, the same for spellings that are alike; empty without a payee.

    Words with digits (a shop's number, a day) are left out, unless there are no others.
    """
    event = recorded.event
    if not isinstance(event, TransactionRecorded | TransactionAmended) or not event.payee:
        return ""
    spoken = words(event.payee)
    return " ".join([word for word in spoken if not any(map(str.isdigit, word))] or spoken)


def observe(watch: Watch, recorded: Recorded, payee_key: str) -> tuple[Watch, tuple[Alert, ...]]:
    """Fold the book's next event: the watch after it, and the alerts that it raises.

    `payee_key`: a fingerprint of `payee_text(recorded)`, any that tells different texts apart; empty for an empty text.
    It never reaches an alert. An event at or below the watch's version changes nothing.
    """
    if recorded.version <= watch.version:
        return watch, ()
    watch = _at(watch, recorded)
    match recorded.event:
        case BookOpened(time_zone=time_zone):
            return replace(watch, time_zone=time_zone), ()
        case BookErased():
            return Watch(watch.version, watch.hash), ()
        case AccountOpened(account, kind, name=name):
            return (_opened(watch, account, name) if kind is Kind.EXPENSES else watch), ()
        case AccountRenamed(account, name):
            return (_named(watch, account, name) if account in watch.categories else watch), ()
        case AccountMerged(account, into):
            return _merged(watch, account, into), ()
        case event:
            change = change_of(event)
            return _changed(watch, recorded, change, payee_key[:KEY_CHARS]) if change is not None else (watch, ())


def _at(watch: Watch, recorded: Recorded) -> Watch:
    """The watch after an event that changes nothing in it: the usual one by far, so written out for speed."""
    return Watch(
        recorded.version,
        recorded.hash.hex(),
        watch.time_zone,
        watch.categories,
        watch.uncategorized,
        watch.days,
        watch.purchases,
        watch.weeks,
    )


# The chart


def _opened(watch: Watch, account: str, name: str) -> Watch:
    if len(watch.categories) >= MAX_CATEGORIES:
        return watch
    return _named(replace(watch, categories={**watch.categories, account: account}), account, name)


def _named(watch: Watch, account: str, name: str) -> Watch:
    if name == UNCATEGORIZED[0]:
        return replace(watch, uncategorized=account)
    return replace(watch, uncategorized="") if watch.uncategorized == account else watch


def _merged(watch: Watch, account: str, into: str) -> Watch:
    target = watch.categories.get(into, into)
    if watch.categories.get(account) is None or target == account:
        return watch
    return replace(
        watch,
        categories={each: target if now == account else now for each, now in watch.categories.items()},
        uncategorized="" if watch.uncategorized == account else watch.uncategorized,
        purchases=tuple([p._replace(category=target) if p.category == account else p for p in watch.purchases]),
    )


# Money


def _changed(watch: Watch, recorded: Recorded, change: Change, payee_key: str) -> tuple[Watch, tuple[Alert, ...]]:
    was, becomes = _spending(watch, change.was), _spending(watch, change.becomes)
    known = _key(change.transaction)
    remembered = None
    if change.was is not None:
        remembered = next((purchase for purchase in watch.purchases if purchase.transaction == known), None)
    if not was and not becomes and remembered is None:
        return watch, ()
    today = day_in(watch.time_zone, recorded.recorded_at).toordinal()
    alerts: list[Alert] = []
    if was or becomes:
        watch, added = _spent(watch, today, change, was, becomes)
        for code in added:
            watch, raised = _velocity(watch, recorded, today, code, _scale(change, code))
            alerts.extend(raised)
    watch, unusual = _purchased(watch, recorded, today, change, becomes, payee_key, remembered)
    return watch, (*alerts, *unusual)


def _spending(watch: Watch, standing: Standing | None) -> dict[str, dict[str, int]]:
    """What a transaction spends, in minor units, by commodity and category; a refund is negative."""
    found: dict[str, dict[str, int]] = {}
    if standing is None:
        return found
    for posting in standing.postings:
        category = watch.categories.get(posting.account)
        if category is not None:
            of_code = found.setdefault(posting.amount.commodity.code, {})
            of_code[category] = of_code.get(category, 0) + posting.amount.minor
    return found


def _scale(change: Change, code: str) -> int:
    postings: list[Posting] = []
    for standing in (change.becomes, change.was):
        postings.extend(standing.postings if standing is not None else ())
    return next(posting.amount.commodity.scale for posting in postings if posting.amount.commodity.code == code)


def _spent(
    watch: Watch,
    today: int,
    change: Change,
    was: Mapping[str, Mapping[str, int]],
    becomes: Mapping[str, Mapping[str, int]],
) -> tuple[Watch, list[str]]:
    """The watch with the days' sums changed; and in which commodities the last days now have more spending."""
    oldest = today - WINDOW_DAYS * (WEEKS_COMPARED + 1) + 1
    latest = max(s.day.toordinal() for s in (change.was, change.becomes) if s is not None)
    if latest < oldest:
        return watch, []
    days = dict(watch.days)
    added: list[str] = []
    for code in sorted({*was, *becomes}):
        if code not in days and len(days) >= MAX_COMMODITIES:
            continue
        sums = dict(days.get(code, {}))
        in_window = 0
        for sign, standing, parts in ((-1, change.was, was), (1, change.becomes, becomes)):
            if standing is None or code not in parts:
                continue
            minor = sign * sum(parts[code].values())
            day = standing.day.toordinal()
            if day < oldest:
                continue
            known = len(sums)
            sums[day] = sums.get(day, 0) + minor
            if len(sums) > known:
                sums = _kept(sums, oldest, today)
            if today - WINDOW_DAYS < day <= today:
                in_window += minor
        days[code] = sums
        if in_window > 0:
            added.append(code)
    return replace(watch, days=days), added


def _kept(sums: Mapping[int, int], oldest: int, today: int) -> dict[int, int]:
    """What is remembered of the days once another is among them."""
    kept = {day: minor for day, minor in sums.items() if day >= oldest}
    ahead = sorted([day for day in kept if day > today])
    for day in ahead[MAX_FUTURE_DAYS:]:
        del kept[day]
    return kept


def _velocity(watch: Watch, recorded: Recorded, today: int, code: str, scale: int) -> tuple[Watch, tuple[Alert, ...]]:
    """The alert that the last seven days spent far more than earlier weeks did, once in a calendar week."""
    monday = today - date.fromordinal(today).weekday()
    sums = watch.days[code]
    if watch.weeks.get(code) == monday:
        return watch, ()
    weeks = [0] * (WEEKS_COMPARED + 1)
    for day, minor in sums.items():
        ago = (today - day) // WINDOW_DAYS
        if 0 <= ago <= WEEKS_COMPARED:
            weeks[ago] += minor
    spent, earlier = weeks[0], [minor for minor in weeks[1:] if minor > 0]
    if len(earlier) < MIN_WEEKS:
        return watch, ()
    usual_twice = twice_the_median(earlier)
    if 200 * spent <= VELOCITY_PERCENT * usual_twice:
        return watch, ()
    as_high = sum(100 * minor >= AS_HIGH_PERCENT * spent for minor in earlier)
    if as_high > len(earlier) // WEEKS_PER_HIGH_ONE:
        return watch, ()
    first = date.fromordinal(today) - timedelta(days=WINDOW_DAYS - 1)
    params: dict[str, str | int] = {
        "spent": decimal_text(spent, scale),
        "usual": decimal_text((usual_twice + 1) // 2, scale),
        "commodity": code,
        "first": first.isoformat(),
        "last": date.fromordinal(today).isoformat(),
        "weeks": len(earlier),
    }
    alert = raise_alert(
        recorded,
        "spending_velocity",
        code,
        date.fromordinal(monday),
        VELOCITY_PERCENT,
        "spending_faster_than_usual",
        params,
    )
    return replace(watch, weeks={**watch.weeks, code: monday}), (alert,)


def _purchased(
    watch: Watch,
    recorded: Recorded,
    today: int,
    change: Change,
    spending: Mapping[str, Mapping[str, int]],
    payee_key: str,
    remembered: Purchase | None,
) -> tuple[Watch, tuple[Alert, ...]]:
    """The watch with the transaction remembered as it stands now; and the alert that it is unlike those before it."""
    others = watch.purchases
    if remembered is not None:
        others = tuple([purchase for purchase in others if purchase is not remembered])
    if change.becomes is None or not (spending or remembered):
        return replace(watch, purchases=others), ()
    worded = isinstance(recorded.event, TransactionRecorded | TransactionAmended)
    payee = payee_key if worded else remembered.payee if remembered is not None else ""
    code, category, minor = _one_purchase(spending)
    purchase = Purchase(
        change.becomes.day.toordinal(),
        recorded.version,
        _key(change.transaction),
        payee,
        category,
        code,
        minor,
        remembered.told if remembered is not None else 0,
    )
    alert = None
    if worded and minor > 0 and not purchase.told and 0 <= today - purchase.day < WINDOW_DAYS:
        alert = _unusual(watch, recorded, change, others, purchase)
        if alert is not None:
            purchase = purchase._replace(told=1)
    return replace(watch, purchases=_with(others, purchase)), () if alert is None else (alert,)


def _with(others: tuple[Purchase, ...], purchase: Purchase) -> tuple[Purchase, ...]:
    """The latest purchases by day, one more among them. Most come in the order of their days."""
    if not others or purchase > others[-1]:
        return (*others[-MAX_PURCHASES + 1 :], purchase)
    kept = list(others)
    insort(kept, purchase)
    return tuple(kept[-MAX_PURCHASES:])


def _one_purchase(spending: Mapping[str, Mapping[str, int]]) -> tuple[str, str, int]:
    """Commodity, category and minor units of what is spent in one commodity; all empty where it is in several."""
    if len(spending) != 1:
        return "", "", 0
    ((code, parts),) = spending.items()
    minor = max(sum(parts.values()), 0)
    return code, next(iter(parts)) if len(parts) == 1 else "", minor


def _unusual(
    watch: Watch, recorded: Recorded, change: Change, others: Sequence[Purchase], purchase: Purchase
) -> Alert | None:
    """The alert of a purchase far above those before it: to the payee, or where these are few, in its category."""
    by_payee, compared = True, _last(others, purchase, PAYEE, purchase.payee)
    if len(compared) < MIN_PURCHASES:
        category = "" if purchase.category == watch.uncategorized else purchase.category
        by_payee, compared = False, _last(others, purchase, CATEGORY, category)
    if len(compared) < MIN_PURCHASES or not is_unusual(purchase.minor, compared):
        return None
    scale = _scale(change, purchase.commodity)
    day = date.fromordinal(purchase.day)
    params: dict[str, str | int] = {
        "transaction": change.transaction,
        "amount": decimal_text(purchase.minor, scale),
        "usual": decimal_text((twice_the_median(compared) + 1) // 2, scale),
        "commodity": purchase.commodity,
        "date": day.isoformat(),
        "compared": len(compared),
    }
    if by_payee:
        code = "amount_unusual_for_payee"
    else:
        code = "amount_unusual_for_category"
        params["account"] = purchase.category
    return raise_alert(recorded, "unusual_amount", change.transaction, day, UNUSUAL_PERCENT, code, params)


def _last(others: Sequence[Purchase], purchase: Purchase, place: int, wanted: str) -> list[int]:
    """The amounts of the last purchases up to the day of `purchase` that have `wanted` in a place; none of nothing."""
    found: list[int] = []
    if not wanted:
        return found
    for other in reversed(others):
        if other[place] != wanted or other.day > purchase.day:
            continue
        if other.minor > 0 and other.commodity == purchase.commodity:
            found.append(other.minor)
            if len(found) == PURCHASES_COMPARED:
                break
    return found


# Statistics


def twice_the_median(values: Sequence[int]) -> int:
    """Twice the median, which is a whole number: of an even count the median lies half-way between two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return 2 * ordered[middle] if len(ordered) % 2 else ordered[middle - 1] + ordered[middle]


def is_unusual(minor: int, before: Sequence[int]) -> bool:
    """Whether an amount is over three times the median of those before it, and beyond three of their deviations."""
    median_twice = twice_the_median(before)
    if 200 * minor <= UNUSUAL_PERCENT * median_twice:
        return False
    beyond_twice = 2 * minor - median_twice
    deviation_four_times = twice_the_median([abs(2 * value - median_twice) for value in before])
    return 20_000 * beyond_twice > MAD_LIMIT_E4 * deviation_four_times


def _key(transaction: str) -> str:
    return hashlib.sha256(transaction.encode()).hexdigest()[:KEY_CHARS]


# As plain values


def watch_record(watch: Watch) -> dict[str, Any]:
    """The watch in plain values, as JSON has them."""
    return {
        "version": watch.version,
        "hash": watch.hash,
        "time_zone": watch.time_zone,
        "categories": dict(watch.categories),
        "uncategorized": watch.uncategorized,
        "days": {code: [[day, sums[day]] for day in sorted(sums)] for code, sums in watch.days.items()},
        "purchases": [list(purchase) for purchase in watch.purchases],
        "weeks": dict(watch.weeks),
    }


def watch_of(record: Mapping[str, Any]) -> Watch:
    """The watch that `watch_record` told."""
    return Watch(
        record["version"],
        record["hash"],
        record["time_zone"],
        dict(record["categories"]),
        record["uncategorized"],
        {code: dict(sums) for code, sums in record["days"].items()},
        tuple([Purchase(*purchase) for purchase in record["purchases"]]),
        dict(record["weeks"]),
    )
