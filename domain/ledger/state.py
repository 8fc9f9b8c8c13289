"""The state that ledger decisions rest on, compact: a transaction in an open period costs a few hundred bytes.

Flat maps of immutable values, written by `evolve` alone, so that a unit of work can be laid over them and dropped.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from domain.ledger.vocabulary import Account, AccountId, ImportId, Instalment, Posting, TransactionId
from domain.money import Amount, Commodity, commodity

Standing = bytes | tuple[int, int, tuple[Posting, ...]]
"""A standing transaction: packed, or where a posting has a cost or price as (day, import number, postings)."""

_HEAD = struct.Struct("<ii")
_POSTING = struct.Struct("<IHq")

Move = tuple[int, int, int]
"""What a posting moves: the number of its account, the number of its commodity, minor units."""

Assertion = tuple[int, int, ImportId | None]
"""The day, as an ordinal, up to which a balance was asserted; the balance in minor units; the import that told it."""


Entry = tuple[date, tuple[Posting, ...]]
"""What a transaction is at a time: its day and its postings."""


class How(StrEnum):
    """How a row joins a transaction: as its other leg, as the same movement told again, in its place, or as the word
    that it is no more.
    """

    TRANSFER = "transfer"
    MATCH = "match"
    REPLACEMENT = "replacement"
    REMOVAL = "removal"

    @property
    def takes_its_place(self) -> bool:
        return self in (How.REPLACEMENT, How.REMOVAL)


@dataclass(frozen=True, slots=True)
class Joined:
    """A row that joined a transaction, as it would stand on its own under the id `own`.

    `contra` is the posting that a transfer's leg took the place of; `was` what stood before it joined.
    """

    how: How
    own: TransactionId
    date: date
    postings: tuple[Posting, ...]
    import_id: ImportId | None
    fingerprint: str | None
    contra: Posting | None
    was: Entry
    payee: str
    memo: str
    instalment: Instalment | None = None


@dataclass(slots=True)
class Ledger:
    """Everything a ledger decision needs; keys are account ids, transaction ids and commodity codes."""

    facts: MutableMapping[str, date] = field(default_factory=dict)
    """Single facts: `closed_through`, the last closed day."""
    commodities: MutableMapping[str, Commodity] = field(default_factory=dict)
    coded: MutableMapping[int, str] = field(default_factory=dict)
    """Commodity codes by number, in order of declaration."""
    code_numbers: MutableMapping[str, int] = field(default_factory=dict)
    accounts: MutableMapping[AccountId, Account] = field(default_factory=dict)
    numbered: MutableMapping[int, AccountId] = field(default_factory=dict)
    names: MutableMapping[str, AccountId] = field(default_factory=dict)
    holdings: MutableMapping[tuple[AccountId, str], int] = field(default_factory=dict)
    """What each (account, commodity) holds over all time, in minor units."""
    latest: MutableMapping[tuple[AccountId, str], int] = field(default_factory=dict)
    """The last day, as an ordinal, that each (account, commodity) was ever posted on."""
    turnover: MutableMapping[str, int] = field(default_factory=dict)
    """The sum of the sizes of all that was ever recorded or amended in a commodity, in minor units.

    What is taken back is not counted again: a sum of any postings and any reversals of them stays within it.
    """
    standing: MutableMapping[TransactionId, Standing] = field(default_factory=dict)
    """Transactions of open periods, neither voided nor closed."""
    asserted: MutableMapping[tuple[AccountId, str], tuple[Assertion, ...]] = field(default_factory=dict)
    told: MutableMapping[tuple[AccountId, str], tuple[TransactionId, date, date]] = field(default_factory=dict)
    """Opening balances that a person's word was counted back to: the transaction, its day, and the day of the word."""
    unopened: MutableMapping[AccountId, ImportId] = field(default_factory=dict)
    """Accounts that a file brought without anybody saying what they held before, and that file."""
    joined: MutableMapping[TransactionId, tuple[Joined, ...]] = field(default_factory=dict)
    """What joined a standing transaction, in that order."""
    recognized: MutableMapping[str, AccountId] = field(default_factory=dict)
    """The account that a bank's statements go to, by the fingerprint of the bank and its number for it."""
    imports: MutableMapping[ImportId, int] = field(default_factory=dict)
    """Numbers, from 1, of imports that stand; an undone import is gone from here."""
    import_numbers: MutableMapping[int, ImportId] = field(default_factory=dict)
    import_formats: MutableMapping[int, str] = field(default_factory=dict)
    """The format that each import came in, and its profile: `source_name`."""
    closed_imports: MutableMapping[int, bool] = field(default_factory=dict)
    """Numbers of imports with a transaction in a closed period; they can no longer be undone."""

    @property
    def closed_through(self) -> date | None:
        """The last closed day; None while no period is closed."""
        return self.facts.get("closed_through")

    def declare(self, code: str, scale: int) -> None:
        number = len(self.coded)
        self.coded[number] = code
        self.code_numbers[code] = number
        self.commodities[code] = commodity(code, scale)

    def add(self, transaction: TransactionId, day: date, postings: tuple[Posting, ...], import_number: int) -> None:
        self.standing[transaction] = self._packed(day.toordinal(), postings, import_number)
        self._post(day.toordinal(), postings, 1)

    def take_back(self, transaction: TransactionId, day: date, postings: tuple[Posting, ...]) -> None:
        self.standing.pop(transaction, None)
        self._post(day.toordinal(), postings, -1)

    def leave_out_through(self, day: date) -> None:
        """Forget the transactions of a period that closes: they can no longer change."""
        ordinal = day.toordinal()
        for transaction, on in list(self.days()):
            if on <= ordinal:
                number = self._unpacked(self.standing.pop(transaction))[1]
                told_by = [joined.import_id for joined in self.joined.pop(transaction, ())]
                for closed in (number, *[self.import_number(import_id) for import_id in told_by]):
                    if closed:
                        self.closed_imports[closed] = True

    def _post(self, ordinal: int, postings: tuple[Posting, ...], sign: int) -> None:
        holdings, latest, turnover = self.holdings, self.latest, self.turnover
        for posting in postings:
            code = posting.amount.commodity.code
            minor = posting.amount.minor
            place = (self.canonical(posting.account), code)
            holdings[place] = holdings.get(place, 0) + sign * minor
            if ordinal > latest.get(place, 0):
                latest[place] = ordinal
            if sign < 0:
                continue
            turnover[code] = turnover.get(code, 0) + abs(minor)
            if posting.cost is not None:
                total = posting.cost.total
                turnover[total.commodity.code] = turnover.get(total.commodity.code, 0) + abs(total.minor)

    def canonical(self, account: AccountId) -> AccountId:
        """The account itself, or the one it was merged into, at last."""
        while (into := self.accounts[account].merged_into) is not None:
            account = into
        return account

    def move(self, account: AccountId, into: AccountId) -> None:
        """Give what an account holds, and what was asserted of it, to the one it is merged into."""
        for code in self.commodities:
            place, target = (account, code), (into, code)
            minor = self.holdings.pop(place, 0)
            if minor:
                self.holdings[target] = self.holdings.get(target, 0) + minor
            last = self.latest.pop(place, 0)
            if last > self.latest.get(target, 0):
                self.latest[target] = last
            if assertions := self.asserted.pop(place, ()):
                self.asserted[target] = (*self.asserted.get(target, ()), *assertions)

    def import_number(self, import_id: ImportId | None) -> int:
        """The number of an import, given where it has none yet; 0 for what no import brought."""
        if import_id is None:
            return 0
        number = self.imports.get(import_id)
        if number is None:
            number = len(self.import_numbers) + 1
            self.imports[import_id] = number
            self.import_numbers[number] = import_id
        return number

    def transaction(self, transaction: TransactionId) -> tuple[date, tuple[Posting, ...], ImportId | None] | None:
        """Day, postings and import of a standing transaction; None where none stands under that id."""
        kept = self.standing.get(transaction)
        if kept is None:
            return None
        ordinal, import_number, postings = self._unpacked(kept)
        return date.fromordinal(ordinal), postings, self.import_numbers.get(import_number)

    def of_import(self, number: int) -> Iterator[TransactionId]:
        """The standing transactions that an import made, in the order they were recorded."""
        for transaction, kept in self.standing.items():
            if (_HEAD.unpack_from(kept)[1] if isinstance(kept, bytes) else kept[1]) == number:
                yield transaction

    def makers(self) -> Iterator[tuple[TransactionId, int]]:
        """Every standing transaction and the number of the import that made it; 0 where none did."""
        for transaction, kept in self.standing.items():
            yield transaction, _HEAD.unpack_from(kept)[1] if isinstance(kept, bytes) else kept[1]

    def that_move(
        self, wanted: Container[tuple[str, int]], first: date, last: date
    ) -> Iterator[tuple[TransactionId, date, tuple[Posting, ...], int]]:
        """The standing transactions from `first` to `last` with a posting of one of these (commodity code, minor
        units): id, day, postings, and the number of the import that made each (0: none did).
        """
        coded = self.coded
        begin, end = first.toordinal(), last.toordinal()
        for transaction, kept in self.standing.items():
            if isinstance(kept, bytes):
                ordinal, _ = _HEAD.unpack_from(kept)
                if not begin <= ordinal <= end:
                    continue
                for _, code, minor in _POSTING.iter_unpack(kept[_HEAD.size :]):
                    if (coded[code], minor) in wanted:
                        break
                else:
                    continue
            elif not begin <= kept[0] <= end:
                continue
            ordinal, number, postings = self._unpacked(kept)
            yield transaction, date.fromordinal(ordinal), postings, number

    def days(self) -> Iterator[tuple[TransactionId, int]]:
        """Every standing transaction and its day as an ordinal."""
        for transaction, kept in self.standing.items():
            yield transaction, _HEAD.unpack_from(kept)[0] if isinstance(kept, bytes) else kept[0]

    def held_on(self, account: AccountId, code: str, day: date) -> int:
        """What an account holds at the end of an open day, in minor units.

        The usual question, about a day after which nothing is posted, costs nothing; any other reads every standing
        transaction once.
        """
        minor = self.holdings.get((account, code), 0)
        ordinal = day.toordinal()
        if self.latest.get((account, code), 0) <= ordinal:
            return minor
        numbers, unit = self.numbers_of(account), self.code_numbers[code]
        for _, moves in self.moves_after(ordinal):
            for number, moved, by in moves:
                if moved == unit and number in numbers:
                    minor -= by
        return minor

    def posted_after(self, account: AccountId, day: date) -> bool:
        """Whether a transaction after `day` touches the account.

        Of a closed day only the last posting's day is known: one that was voided before it closed counts as well.
        """
        ordinal = day.toordinal()
        if all(self.latest.get((account, code), 0) <= ordinal for code in self.commodities):
            return False
        if day < self.facts.get("closed_through", day):
            return True
        numbers = self.numbers_of(account)
        return any(number in numbers for _, moves in self.moves_after(ordinal) for number, _, _ in moves)

    def numbers_of(self, account: AccountId) -> frozenset[int]:
        """The numbers that postings on an account stand under: its own, and of all that was merged into it."""
        merged = [a for a in self.accounts.values() if a.merged_into is not None and self.canonical(a.id) == account]
        return frozenset([self.accounts[account].number, *[a.number for a in merged]])

    def moves_after(self, ordinal: int, through: int = date.max.toordinal()) -> Iterator[tuple[int, Iterable[Move]]]:
        """Every standing transaction of the days after `ordinal`, up to `through`: its day and what it moves.

        In numbers as they are packed: such a look reads all of a long book while its commands wait.
        """
        head, each = _HEAD.unpack_from, _POSTING.iter_unpack
        for kept in self.standing.values():
            if isinstance(kept, bytes):
                day = head(kept)[0]
                if ordinal < day <= through:
                    yield day, each(kept[_HEAD.size :])
            elif ordinal < kept[0] <= through:
                yield kept[0], [self._move(posting) for posting in kept[2]]

    def _move(self, posting: Posting) -> Move:
        amount = posting.amount
        return self.accounts[posting.account].number, self.code_numbers[amount.commodity.code], amount.minor

    def _packed(self, ordinal: int, postings: tuple[Posting, ...], import_number: int) -> Standing:
        if any(posting.cost is not None or posting.price is not None for posting in postings):
            return ordinal, import_number, postings
        packed = [_POSTING.pack(*self._move(posting)) for posting in postings]
        return _HEAD.pack(ordinal, import_number) + b"".join(packed)

    def _unpacked(self, kept: Standing) -> tuple[int, int, tuple[Posting, ...]]:
        if not isinstance(kept, bytes):
            return kept
        ordinal, import_number = _HEAD.unpack_from(kept)
        postings = tuple(
            Posting(self.numbered[account], Amount(minor, self.commodities[self.coded[code]]))
            for account, code, minor in _POSTING.iter_unpack(kept[_HEAD.size :])
        )
        return ordinal, import_number, postings
