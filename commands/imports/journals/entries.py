"""Which transactions of a ledger stand already: what makes each itself, and which row tells which standing one.

Words are no part of it, so that a memo mended in the other ledger does not double the transaction. A standing one is
told by one row of a file at most: where a newer version changed an entry and another has the old figures again, that
is another entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from commands.imports.journals.amounts import ROUNDING, Amounts
from commands.imports.plan import BookFacts, Desk, Told
from commands.imports.reading import JournalEntry, JournalPosting
from domain.ledger import Posting, TransactionId
from domain.ledger.joining import MAX_JOINED
from domain.money import Amount

MAX_BACKS_TRIED = 4
"""How often an entry may have come back to old figures and be known by them, though what it was first is undone."""

MAX_EQUALS_TRIED = 8
"""Equal entries of one day among which a standing one is looked for."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """An entry, what it moves in the book's figures, and what tells it from all others: its key, its place among its
    equals from 1, and the fingerprint of both. `holder` is the transaction that has the fingerprint: None for no one,
    empty where a person deleted it.
    """

    entry: JournalEntry
    postings: tuple[Posting, ...]
    key: str
    nth: int
    fingerprint: str
    holder: str | None = None

    @property
    def words(self) -> str:
        return f"{self.entry.payee} {self.entry.memo}".strip()


def keyed_entries(
    entries: Sequence[JournalEntry], amounts: Amounts, desk: Desk, is_first: bool
) -> tuple[list[Keyed], Counter[str]]:
    """Every entry with who holds it; and how many have each key. `is_first`: no other version of the file can have told
    them.
    """
    equals: Counter[str] = Counter()
    keyed: list[Keyed] = []
    for entry in entries:
        key = entry_key(entry)
        equals[key] += 1
        nth = equals[key]
        keyed.append(Keyed(entry, amounts.postings(entry), key, nth, desk.fingerprint(f"{key}|{nth}")))
    keyed = _held(keyed, desk)
    return keyed if is_first else _held_again(keyed, desk), equals


def set_apart(keyed: list[Keyed], equals: Counter[str], met: Mapping[TransactionId, Told], desk: Desk) -> list[Keyed]:
    """Leave each standing transaction to the one row that tells it best; the others that its older figures would make
    the same become entries of their own, the next among their equals.
    """
    settled: list[Keyed] = []
    claimed: set[str] = set()
    waiting = keyed
    while waiting:
        best: dict[str, Keyed] = {}
        for row in waiting:
            if row.holder and row.holder not in claimed:
                told = met.get(TransactionId(row.holder))
                if row.holder not in best or (told is not None and is_last_said(row, told, desk.fingerprint)):
                    best[row.holder] = row
        following: list[Keyed] = []
        for row in waiting:
            if not row.holder or best.get(row.holder) is row:
                settled.append(row)
                continue
            equals[row.key] += 1
            nth = equals[row.key]
            fingerprint = desk.fingerprint(f"{row.key}|{nth}")
            following.append(replace(row, nth=nth, fingerprint=fingerprint, holder=None))
        claimed |= best.keys()
        waiting = _held(following, desk)
    return sorted(settled, key=lambda row: row.entry.row)


def is_last_said(row: Keyed, told: Told, fingerprint: Callable[[str], str]) -> bool:
    """Whether the row is the very one that last took the transaction's place."""
    if told.said is None or told.said == row.fingerprint:
        return told.said is not None
    return any(told.said == said_again(row, place, fingerprint) for place in range(MAX_JOINED))


def said_again(row: Keyed, place: int, fingerprint: Callable[[str], str]) -> str:
    """The fingerprint of a row that a transaction was recorded with, and that takes its own place again as the
    `place`-th that joins it.
    """
    return fingerprint(f"{row.key}|{row.nth}|again|{place}")


def changed_here(told: Sequence[Told], facts: BookFacts, desk: Desk) -> frozenset[TransactionId]:
    """Which of them do not stand as files told them: a person or a rule changed them since.

    Of what is held at a cost or exchanged at a price the books keep totals, and the file each unit's: such an entry is
    taken for unchanged.
    """
    changed = {one.transaction for one in told if one.became is not None and (one.day, one.postings) != one.became}
    probes: dict[str, list[TransactionId]] = {}
    for one in told:
        if one.became is not None or any(p.cost is not None or p.price is not None for p in one.postings):
            continue
        names = [facts.accounts[posting.account].name for posting in one.postings]
        plain = [
            JournalPosting(name, decimal_of(posting.amount), posting.amount.commodity.code)
            for name, posting in zip(names, one.postings, strict=True)
            if name != ROUNDING
        ]
        key = entry_key(JournalEntry(0, 0, one.day, "", "", (), (), tuple(plain)))
        for nth in range(1, MAX_EQUALS_TRIED + 1):
            probes.setdefault(desk.fingerprint(f"{key}|{nth}"), []).append(one.transaction)
        changed.add(one.transaction)
    found = {holder for fingerprint, holder in desk.taken(probes).items() if holder in probes[fingerprint]}
    return frozenset(changed - found)


def decimal_of(amount: Amount) -> Decimal:
    return Decimal(amount.minor).scaleb(-amount.commodity.scale)


def entry_key(entry: JournalEntry) -> str:
    """What makes a transaction itself, but for its place among its equals: its day and what it moves between which
    accounts.
    """
    return f"entry.v1|{entry.date.isoformat()}|" + "|".join(sorted([_posting_key(p) for p in entry.postings]))


def _held(keyed: list[Keyed], desk: Desk) -> list[Keyed]:
    taken = desk.taken([row.fingerprint for row in keyed]) if keyed else {}
    return [replace(row, holder=taken.get(row.fingerprint)) for row in keyed] if taken else keyed


def _held_again(keyed: list[Keyed], desk: Desk) -> list[Keyed]:
    """The rows that nobody holds but a transaction that came back to them."""
    probes: dict[str, int] = {}
    for number, row in enumerate(keyed):
        if row.holder is None:
            probes.update({said_again(row, place, desk.fingerprint): number for place in range(MAX_BACKS_TRIED)})
    held = {probes[fingerprint]: holder for fingerprint, holder in desk.taken(probes).items()} if probes else {}
    return [replace(row, holder=held[number]) if number in held else row for number, row in enumerate(keyed)]


def _posting_key(posting: JournalPosting) -> str:
    key = f"{posting.account}\t{posting.number.normalize():f}\t{posting.commodity}"
    if posting.cost is not None:
        key += f"\t{{{posting.cost.each.normalize():f}\t{posting.cost.currency}\t{posting.cost.date}"
    if posting.price_each is not None:
        key += f"\t@{posting.price_each.normalize():f}\t{posting.price_currency}"
    return key
