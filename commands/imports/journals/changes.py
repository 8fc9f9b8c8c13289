"""Edited entries: which one that a file no longer tells, and which that it tells anew, are the same one edited.

Likeness only proposes where it is plain: each side has one that is most like it, and neither has two. What is left over
is shown on both sides, and a person says what becomes of what is gone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rapidfuzz import fuzz

from commands.imports.journals.entries import Keyed
from commands.imports.plan import Told
from domain.ledger import Posting, TransactionId
from domain.words import words as words_of

MOVED_DAYS = 15
"""The most days that an entry is moved by that else stays as it is: less than a month, for what comes every month is
another one."""

NEAR_DAYS = 3
"""The most days between an entry and what its amounts or accounts were before: less than a week, likewise."""

ALIKE = 90
"""From which likeness of words, of 100, they are the same; then one of day, amounts and accounts has to be too."""

MENDED = 60
"""From which likeness of words, of 100, they are mended ones; then two of day, amounts and accounts have to stay."""

MAX_COMPARED = 50
"""Entries that one is compared with, the nearest days first."""

MAX_COMPARISONS = 1_000_000
"""Where what is new and what is gone would take more, nothing is likened: these take a few seconds."""

MAX_ROUNDS = 10
"""How often what pairs were found is looked at for more, that they made plain."""

Score = tuple[int, int, int]
"""How far two are apart: the less, the more alike."""


@dataclass(frozen=True, slots=True)
class _Side:
    """An entry as it is compared."""

    day: date
    postings: tuple[Posting, ...]
    amounts: tuple[tuple[str, int], ...]
    accounts: tuple[str, ...]
    words: str

    def is_same(self, other: _Side) -> bool:
        return (self.day, self.postings, self.words) == (other.day, other.postings, other.words)


def edited(
    fresh: Sequence[Keyed], gone: Sequence[Told], words: Mapping[TransactionId, tuple[str, str]]
) -> dict[int, Told]:
    """For the numbers of rows that are an entry edited: the standing transaction that they take the place of."""
    told = sorted(gone, key=lambda one: one.day)
    before = [_side(one.day, one.postings, " ".join(words.get(one.transaction, ("", "")))) for one in told]
    after = [_side(row.entry.date, row.postings, row.words) for row in fresh]
    days = [side.day for side in before]
    scores: list[dict[int, Score]] = []
    of_before: list[dict[int, Score]] = [{} for _ in before]
    comparisons = 0
    for number, side in enumerate(after):
        scores.append({})
        near = _nearest(days, side.day)
        comparisons += len(near)
        if comparisons > MAX_COMPARISONS:
            return {}
        for place in near:
            score = _apart(before[place], side)
            if score is not None:
                scores[number][place] = of_before[place][number] = score
    found: dict[int, Told] = {}
    for _ in range(MAX_ROUNDS):
        known = len(found)
        for number in range(len(after)):
            best = _best(scores[number], before)
            if best is None:
                continue
            back = _best(of_before[best], after)
            if back is None or not after[back].is_same(after[number]):
                continue
            found[fresh[number].entry.row] = told[best]
            _take(scores, of_before, number, best)
        if len(found) == known:
            break
    return found


def _take(scores: list[dict[int, Score]], of_before: list[dict[int, Score]], number: int, place: int) -> None:
    """Let neither of a pair be paired again."""
    for other in scores[number]:
        of_before[other].pop(number)
    for other in of_before[place]:
        scores[other].pop(place)
    scores[number], of_before[place] = {}, {}


def _best(scores: Mapping[int, Score], sides: Sequence[_Side]) -> int | None:
    """The one that is most alike; None where two different ones are equally so. Of the same ones, the first."""
    if not scores:
        return None
    least = min(scores.values())
    alike = sorted([place for place, score in scores.items() if score == least])
    first = alike[0]
    return first if all(sides[place].is_same(sides[first]) for place in alike) else None


def _side(day: date, postings: tuple[Posting, ...], text: str) -> _Side:
    return _Side(
        day,
        postings,
        tuple(sorted([(p.amount.commodity.code, p.amount.minor) for p in postings])),
        tuple(sorted([p.account for p in postings])),
        " ".join(words_of(text)),
    )


def _nearest(days: Sequence[date], day: date) -> list[int]:
    """The places of the days within reach, the nearest first."""
    middle = bisect_left(days, day)
    low = high = middle
    found: list[int] = []
    while len(found) < MAX_COMPARED:
        below = (day - days[low - 1]).days if low > 0 else MOVED_DAYS + 1
        above = (days[high] - day).days if high < len(days) else MOVED_DAYS + 1
        if min(below, above) > MOVED_DAYS:
            break
        if above <= below:
            found.append(high)
            high += 1
        else:
            low -= 1
            found.append(low)
    return found


def _apart(before: _Side, after: _Side) -> Score | None:
    """How far apart two are; None where they are not one entry edited."""
    days = abs((after.day - before.day).days)
    same_amounts, same_accounts = before.amounts == after.amounts, before.accounts == after.accounts
    if days > (MOVED_DAYS if same_amounts and same_accounts else NEAR_DAYS):
        return None
    kept = (days == 0) + same_amounts + same_accounts
    has_words = before.words or after.words
    likeness = int(fuzz.token_sort_ratio(before.words, after.words)) if has_words else MENDED
    needed = 1 if likeness >= ALIKE else 2 if likeness >= MENDED else 3
    return (-kept, days, -likeness) if kept >= needed else None
