"""Random books: whatever a household, or someone who means it ill, could ask for next.

`units` looks at the book as it stands and draws what to submit: mostly what can happen, sometimes what must be
refused. The rule it keeps: every id comes from `Ids`, so that an id is never used twice by chance.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from hypothesis import strategies as st

from commands.overlay import laid_over
from domain.book import Book, BookCommand, BookEvent, BookId, EraseBook, OpenBook, RenameBook, decide, evolve
from domain.budgets import MAX_PERIOD_COUNT, BudgetId, ChangeBudget, EndBudget, Every, Period, SetBudget
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    OPENING_BALANCES,
    Account,
    AccountId,
    AmendTransaction,
    AssertBalance,
    CategorizeTransaction,
    CloseAccount,
    ClosePeriod,
    ConcludeImport,
    Cost,
    DeclareCommodity,
    How,
    ImportId,
    Instalment,
    JoinTransaction,
    Kind,
    MergeAccount,
    OpenAccount,
    Posting,
    Price,
    RecognizeAccount,
    RecordTransaction,
    RenameAccount,
    RuleId,
    SetOpeningBalance,
    TransactionId,
    UndoImport,
    VoidTransaction,
    WithdrawAssertion,
)
from domain.ledger.accounts import unit_of
from domain.money import MAX_AMOUNT_MINOR, MAX_SCALE, Amount, Commodity, commodity
from domain.prices import MAX_PRICE_DIGITS, MAX_PRICE_PLACES, RecordPrice
from domain.private import is_private
from domain.rules import Direction, RemoveRule, SetRule

UNITS = {"BRL": 2, "USD": 2, "JPY": 0, "KWD": 3, "BITCOIN": 9, "IVVB11": 0, "POINTS.X": 3}
"""The commodities that random books use, with their decimal places: 0, 2, 3 and the finest."""

FIRST_USUAL_DAY = date(2026, 1, 1)
USUAL_DAYS = 120
"""Most of what happens falls into these days, so that closings, assertions and amendments meet."""

MAX_ROWS = 5
"""Rows of a random import."""

MAX_GROUP = 4
"""Commands of a random atomic group."""


class Ids:
    """Ids in the shape of UUIDs, each given out once."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"00000000-0000-7000-8000-{self.given:012x}"


# Single values


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """What people type into a free text: any writing, emoji, line ends; no controls, no half characters."""
    anything = st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t")
    usual = st.sampled_from(
        [
            "",
            "Padaria São João",
            "Rent, flat 3",
            "Łódź 🛒",
            "\U0001f468\u200d\U0001f467",
            "Parcela 2/6",
            "שכר דירה",
            "日本",
        ]
    )
    return usual | st.text(anything, max_size=max_size)


def labels() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(["trip", "férias", "tax 2026", "#1", "x" * 100]), max_size=3).map(tuple)


@st.composite
def account_names(draw: st.DrawFn, kind: Kind | None = None) -> str:
    """A full name that can be an account's, in any writing."""
    root = draw(st.sampled_from(list(Kind))) if kind is None else kind
    letter = st.characters(categories=["L", "N", "P", "S"], exclude_characters=":", max_codepoint=0x1FFFF)
    part = st.sampled_from(["Food", "Café", "住宅", "Nu Conta", "Child (no 2)", "Ünïcode"]) | st.text(
        letter, min_size=1, max_size=8
    )
    name = ":".join([root.value, *draw(st.lists(part, min_size=1, max_size=3))])
    return unicodedata.normalize("NFC", name)


def days() -> st.SearchStrategy[date]:
    return st.integers(0, USUAL_DAYS).map(lambda later: FIRST_USUAL_DAY + timedelta(days=later))


def minors() -> st.SearchStrategy[int]:
    """Sizes of amounts in minor units: cents, salaries, and the largest there can be."""
    return (
        st.integers(1, 500)
        | st.integers(1, 10_000_00)
        | st.sampled_from([1, MAX_AMOUNT_MINOR // 3, MAX_AMOUNT_MINOR - 1, MAX_AMOUNT_MINOR])
    )


def rates() -> st.SearchStrategy[Decimal]:
    """Rates that a price can have, each with the exponent it was written with."""
    return st.builds(
        lambda digits, places: Decimal(digits).scaleb(-places),
        st.integers(1, 10 ** (MAX_PRICE_DIGITS - 1)),
        st.integers(-2, MAX_PRICE_PLACES),
    )


# Events, of any shape the contract allows


def events(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Values of an event class that only its types bind: what a codec must carry, true story or not."""
    return _of_dataclass(kind)


def _of_dataclass(kind: type[Any]) -> st.SearchStrategy[Any]:
    if kind is Amount:
        return st.builds(
            lambda minor, code, scale: Amount(minor, commodity(code, scale)),
            st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR),
            st.sampled_from(list(UNITS)),
            st.integers(0, MAX_SCALE),
        )
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind,
        *[_of_type(hints[part.name], hidden=is_private(part)) for part in dataclasses.fields(kind)],
    )


def _of_type(hint: Any, *, hidden: bool) -> st.SearchStrategy[Any]:
    while isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return st.one_of([_of_type(part, hidden=hidden) for part in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        return st.lists(_of_type(typing.get_args(hint)[0], hidden=hidden), max_size=4).map(tuple)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _of_dataclass(hint)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(0, 2**53),
        date: st.dates(FIRST_DAY, LAST_DAY),
        Decimal: rates(),
        str: texts() if hidden else st.uuids().map(str) | st.sampled_from(list(UNITS)),
    }
    return plain[hint]


# Commands, as the book stands


@dataclass(frozen=True, slots=True)
class Asking:
    """What the makers of commands draw from: the book they look at, and fresh ids."""

    draw: st.DrawFn
    book: Book
    ids: Ids

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def rarely(self) -> bool:
        return self.draw(st.integers(0, 11)) == 11

    def accounts(self, *kinds: Kind) -> list[Account]:
        """The accounts that can be posted to, of these kinds or of any."""
        return [
            account
            for account in self.book.ledger.accounts.values()
            if account.merged_into is None and account.closed_on is None and (not kinds or account.kind in kinds)
        ]

    def taking(self, code: str, day: date) -> list[Account]:
        return [
            account
            for account in self.accounts()
            if (not account.commodities or code in account.commodities)
            and (account.opened_on is None or account.opened_on <= day)
        ]

    def any_account(self) -> AccountId:
        """Mostly an account that is there, whatever became of it."""
        known = list(self.book.ledger.accounts)
        return AccountId("nobody's") if self.rarely() or not known else cast(AccountId, self.one_of(known))

    def codes(self) -> list[str]:
        return [code for code in UNITS if code in self.book.ledger.commodities] or ["BRL"]

    def code(self) -> str:
        return cast(str, self.one_of(self.codes())) if not self.rarely() else self.one_of([*UNITS, "EUR", "NOPE"])

    def unit(self, code: str) -> Commodity:
        try:
            return unit_of(self.book.ledger, code)
        except Rejected:
            return commodity(code, 2)

    def day(self) -> date:
        """Mostly an open day."""
        if self.rarely():
            return cast(date, self.one_of([FIRST_DAY, LAST_DAY, FIRST_DAY - timedelta(days=1), date(2201, 1, 1)]))
        day, closed = self.draw(days()), self.book.ledger.closed_through
        if closed is not None and self.rarely():
            return closed
        if closed is not None and day <= closed and not self.rarely():
            return min(closed + timedelta(days=1 + (closed - day).days % 30), LAST_DAY)
        return day

    def text(self) -> str:
        return self.draw(texts()) if not self.rarely() else self.one_of(["\x00", "\ud800", "x" * 2001])


def _declare(asking: Asking) -> BookCommand:
    code = asking.one_of([*UNITS, "bad code"])
    return DeclareCommodity(code, UNITS.get(code, 2) if not asking.rarely() else asking.one_of([-1, 5, 10]))


def _open(asking: Asking) -> BookCommand:
    kind = asking.one_of(list(Kind))
    names = list(asking.book.ledger.names)
    name = asking.draw(account_names(kind)) if not asking.rarely() else asking.one_of(["Food", "Assets:", *names])
    codes = tuple(asking.draw(st.lists(st.sampled_from(asking.codes()), max_size=2, unique=True)))
    opened_on = asking.draw(st.none() | days())
    return OpenAccount(AccountId(asking.ids()), name, codes, opened_on, asking.draw(st.booleans()))


def _rename(asking: Asking) -> BookCommand:
    account = asking.any_account()
    known = asking.book.ledger.accounts.get(account)
    if known is not None and asking.rarely():
        return RenameAccount(account, asking.one_of([known.name, OPENING_BALANCES]))
    kind = known.kind if known is not None and not asking.rarely() else None
    return RenameAccount(account, asking.draw(account_names(kind)))


def _close(asking: Asking) -> BookCommand:
    return CloseAccount(asking.any_account(), asking.day())


def _merge(asking: Asking) -> BookCommand:
    categories = asking.accounts(asking.one_of([Kind.INCOME, Kind.EXPENSES]))
    if len(categories) < 2 or asking.rarely():
        return MergeAccount(asking.any_account(), asking.any_account())
    account = asking.one_of(categories)
    return MergeAccount(account.id, asking.one_of([other.id for other in categories if other is not account]))


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction's content."""

    date: date
    postings: tuple[Posting, ...]
    payee: str
    memo: str
    tags: tuple[str, ...]
    links: tuple[str, ...]


def _entry(asking: Asking, day: date | None = None) -> Entry:
    day = asking.day() if day is None else day
    code = asking.code()
    postings = _postings(asking, day, code)
    if asking.rarely():
        postings = _spoilt(asking, postings)
    order = asking.draw(st.permutations(range(len(postings)))) if len(postings) < 5 else range(len(postings))
    return Entry(
        day,
        tuple([postings[place] for place in order]),
        asking.text(),
        asking.draw(texts()),
        asking.draw(labels()),
        asking.draw(labels()),
    )


def _postings(asking: Asking, day: date, code: str) -> list[Posting]:
    """Postings whose weights sum to zero: of one commodity, or an exchange of two at a price, a cost or both."""
    unit = asking.unit(code)
    takers = asking.taking(code, day) or asking.accounts() or list(asking.book.ledger.accounts.values())
    other = asking.code()
    sources = asking.taking(other, day)
    if other != code and sources and asking.draw(st.booleans()):
        return _exchange(asking, unit, takers, asking.unit(other), sources, day)
    sizes = asking.draw(st.lists(minors(), min_size=1, max_size=4))
    signed = [size if asking.draw(st.booleans()) else -size for size in sizes]
    signed.append(-sum(signed))
    return [Posting(asking.one_of(takers).id, Amount(minor, unit)) for minor in signed]


def _exchange(
    asking: Asking, unit: Commodity, takers: list[Account], paid_in: Commodity, sources: list[Account], day: date
) -> list[Posting]:
    sign = asking.one_of([1, -1])
    amount = Amount(sign * asking.draw(minors()), unit)
    total = Amount(sign * asking.draw(minors()), paid_in)
    lot = Cost(total, asking.draw(st.none() | st.just(day)), asking.draw(st.sampled_from(["", "lot-1", "primeira"])))
    cost, price = asking.one_of([(lot, None), (None, Price(total)), (lot, Price(total))])
    return [
        Posting(asking.one_of(takers).id, amount, cost, price),
        Posting(asking.one_of(sources).id, -total),
    ]


def _spoilt(asking: Asking, postings: list[Posting]) -> list[Posting]:
    """The postings with one thing wrong."""
    first, *rest = postings
    amount = first.amount
    unit = amount.commodity
    return cast(
        list[Posting],
        asking.one_of(
            [
                *[[dataclasses.replace(first, amount=Amount(amount.minor + 1, unit)), *rest]] * 4,
                [dataclasses.replace(first, account=AccountId("nobody's")), *rest],
                [dataclasses.replace(first, amount=Amount(MAX_AMOUNT_MINOR + 1, unit)), *rest],
                [dataclasses.replace(first, amount=Amount(amount.minor, commodity(unit.code, 12))), *rest],
                [dataclasses.replace(first, amount=Amount(amount.minor, commodity("NOPE", 2))), *rest],
                [Posting(first.account, amount, None, Price(-amount)), *rest],
                [first],
                [],
                postings * 200,
            ]
        ),
    )


def _record(asking: Asking) -> BookCommand:
    entry = _entry(asking)
    corrects = None
    if asking.rarely():
        corrects = asking.one_of([TransactionId("long ago"), *asking.book.ledger.standing])
    used = list(asking.book.ledger.standing)
    transaction = TransactionId(asking.ids()) if not used or not asking.rarely() else asking.one_of(used)
    return RecordTransaction(
        transaction,
        entry.date,
        entry.postings,
        entry.payee,
        entry.memo,
        entry.tags,
        entry.links,
        corrects,
        instalment=_instalment(asking),
    )


def _instalment(asking: Asking) -> Instalment | None:
    """Now and then an instalment of one of a few purchases, in any order; sometimes one that cannot be."""
    if asking.draw(st.integers(0, 2)):
        return None
    n = asking.draw(st.integers(1, 4))
    return Instalment(asking.draw(st.integers(1, n)) + asking.rarely(), n, asking.one_of(["p-1", "p-2", "p-3"]))


def _opening(asking: Asking) -> BookCommand:
    own = asking.accounts(Kind.ASSETS, Kind.LIABILITIES)
    account = asking.any_account() if not own or asking.rarely() else asking.one_of(own).id
    size = asking.draw(minors()) * asking.one_of([1, -1])
    amount = Amount(size, asking.unit(asking.code()))
    return SetOpeningBalance(TransactionId(asking.ids()), account, asking.day(), amount)


def _standing(asking: Asking) -> TransactionId:
    standing = list(asking.book.ledger.standing)
    return TransactionId("none such") if not standing or asking.rarely() else asking.one_of(standing)


def _amend(asking: Asking) -> BookCommand:
    if not asking.book.ledger.standing and not asking.rarely():
        return _record(asking)
    transaction = _standing(asking)
    known = asking.book.ledger.transaction(transaction)
    entry = _entry(asking, None if known is None or asking.draw(st.booleans()) else known[0])
    if known is not None and asking.draw(st.booleans()):
        # The same amounts, filed elsewhere: what a person does most.
        categories = [account.id for account in asking.accounts(Kind.EXPENSES, Kind.INCOME)] or [asking.any_account()]
        kinds = asking.book.ledger.accounts
        postings = [
            dataclasses.replace(p, account=asking.one_of(categories)) if kinds[p.account].kind.is_category else p
            for p in known[1]
        ]
        entry = dataclasses.replace(entry, postings=tuple(postings))
    return AmendTransaction(
        transaction, entry.date, entry.postings, entry.payee, entry.memo, entry.tags, entry.links, asking.text()
    )


def _void(asking: Asking) -> BookCommand:
    if not asking.book.ledger.standing and not asking.rarely():
        return _record(asking)
    return VoidTransaction(_standing(asking), asking.text())


def _join(asking: Asking) -> BookCommand:
    if not asking.book.ledger.standing and not asking.rarely():
        return _record(asking)
    transaction, how = _standing(asking), asking.one_of(list(How))
    entry, known = _entry(asking), asking.book.ledger.transaction(transaction)
    categories = [account.id for account in asking.accounts(Kind.EXPENSES, Kind.INCOME)]
    if known is not None and known[1] and categories and how is not How.REPLACEMENT and not asking.rarely():
        day, was, _ = known
        kinds = asking.book.ledger.accounts
        told = [posting for posting in was if kinds[posting.account].kind.is_category is (how is How.TRANSFER)]
        leg = asking.one_of(told or was)
        own = [account.id for account in asking.accounts(Kind.ASSETS, Kind.LIABILITIES)] or categories
        account = leg.account if how is How.MATCH else asking.one_of(own)
        postings = (Posting(account, leg.amount), Posting(asking.one_of(categories), -leg.amount))
        entry = dataclasses.replace(
            entry, date=min(day + timedelta(days=asking.draw(st.integers(0, 4))), LAST_DAY), postings=postings
        )
    row = RecordTransaction(TransactionId(asking.ids()), entry.date, entry.postings, entry.payee, entry.memo)
    return JoinTransaction(transaction, row, how)


def _categorize(asking: Asking) -> BookCommand:
    if not asking.book.ledger.standing and not asking.rarely():
        return _record(asking)
    categories = asking.accounts(Kind.EXPENSES, Kind.INCOME)
    account = asking.any_account() if not categories or asking.rarely() else asking.one_of(categories).id
    return CategorizeTransaction(_standing(asking), account)


def _assert(asking: Asking) -> BookCommand:
    ledger = asking.book.ledger
    held = list(ledger.holdings)
    account, code = asking.one_of(held) if held and not asking.rarely() else (asking.any_account(), asking.code())
    day = asking.day()
    minor = ledger.held_on(account, code, day) if account in ledger.accounts else 0
    if asking.rarely():
        minor += 1
    return AssertBalance(account, day, Amount(minor, asking.unit(code)))


def _withdraw(asking: Asking) -> BookCommand:
    asserted = list(asking.book.ledger.asserted)
    if not asserted and not asking.rarely():
        return _assert(asking)
    if not asserted or asking.rarely():
        return WithdrawAssertion(asking.any_account(), asking.code())
    return WithdrawAssertion(*asking.one_of(asserted))


def _close_period(asking: Asking) -> BookCommand:
    closed = asking.book.ledger.closed_through
    if asking.rarely():
        return ClosePeriod(asking.day(), asking.day())
    return ClosePeriod((closed or FIRST_USUAL_DAY) + timedelta(days=asking.draw(st.integers(1, 15))), LAST_DAY)


def _undo_import(asking: Asking) -> BookCommand:
    standing = list(asking.book.ledger.imports)
    if not standing and not asking.rarely():
        return _record(asking)
    return UndoImport(ImportId("none such") if not standing or asking.rarely() else asking.one_of(standing))


def periods() -> st.SearchStrategy[Period]:
    return st.builds(Period, st.sampled_from(Every), st.integers(1, 14) | st.just(MAX_PERIOD_COUNT), days())


def _set_budget(asking: Asking) -> BookCommand:
    categories = asking.accounts(Kind.EXPENSES, Kind.INCOME)
    account = asking.any_account() if not categories or asking.rarely() else asking.one_of(categories).id
    period = asking.draw(periods())
    if asking.rarely():
        period = dataclasses.replace(period, count=asking.one_of([0, MAX_PERIOD_COUNT + 1]))
    limit = Amount(asking.draw(minors()) * (-1 if asking.rarely() else 1), asking.unit(asking.code()))
    return SetBudget(BudgetId(asking.ids()), account, limit, period, asking.text())


def _budget(asking: Asking) -> BudgetId:
    known = list(asking.book.budgets.standing)
    return BudgetId("none such") if not known or asking.rarely() else asking.one_of(known)


def _change_budget(asking: Asking) -> BookCommand:
    if not asking.book.budgets.standing and not asking.rarely():
        return _set_budget(asking)
    budget = _budget(asking)
    known = asking.book.budgets.standing.get(budget)
    code = known.commodity if known is not None and not asking.rarely() else asking.code()
    return ChangeBudget(budget, Amount(asking.draw(minors()), asking.unit(code)), asking.day())


def _end_budget(asking: Asking) -> BookCommand:
    if not asking.book.budgets.standing and not asking.rarely():
        return _set_budget(asking)
    return EndBudget(_budget(asking), asking.day())


def _rule(asking: Asking) -> RuleId:
    known = list(asking.book.rules.standing)
    return RuleId(asking.ids()) if not known or asking.draw(st.booleans()) else asking.one_of(known)


def _set_rule(asking: Asking) -> BookCommand:
    categories, own = asking.accounts(Kind.EXPENSES, Kind.INCOME), asking.accounts(Kind.ASSETS, Kind.LIABILITIES)
    category = asking.any_account() if not categories or asking.rarely() else asking.one_of(categories).id
    account = None if asking.draw(st.booleans()) else asking.one_of(own).id if own else asking.any_account()
    unit = asking.unit(asking.code())
    sizes = sorted(asking.draw(st.lists(minors(), min_size=2, max_size=2)), reverse=asking.rarely())
    low, high = [Amount(size, unit) if asking.draw(st.booleans()) else None for size in sizes]
    direction = asking.draw(st.sampled_from([None, *Direction]))
    return SetRule(_rule(asking), category, account, direction, low, high, asking.text(), asking.draw(texts()))


def _remove_rule(asking: Asking) -> BookCommand:
    if not asking.book.rules.standing and not asking.rarely():
        return _set_rule(asking)
    return RemoveRule(_rule(asking))


def _price(asking: Asking) -> BookCommand:
    rate = asking.draw(rates()) if not asking.rarely() else asking.one_of([Decimal(0), Decimal("NaN"), Decimal("1e30")])
    return RecordPrice(asking.code(), asking.day(), rate, asking.code())


def _rename_book(asking: Asking) -> BookCommand:
    return RenameBook(asking.one_of(["Home", "Casa", "家", " ", "x" * 101]))


def _recognize(asking: Asking) -> BookCommand:
    """A bank's account by a fingerprint of few, so that some are told again; its source is nobody else's."""
    account = asking.one_of(list(asking.book.ledger.accounts))
    if asking.rarely():
        account = AccountId("nobody's")
    return RecognizeAccount(account, asking.one_of(["f-1", "f-2"]), f"bank {asking.ids()}", asking.draw(st.booleans()))


_MAKERS: Sequence[Callable[[Asking], BookCommand]] = (
    *[_record] * 6,
    *[_amend] * 3,
    *[_void] * 2,
    *[_join] * 2,
    *[_categorize] * 2,
    *[_assert] * 3,
    *[_open] * 2,
    _withdraw,
    _declare,
    _rename,
    _close,
    _merge,
    _opening,
    _close_period,
    _undo_import,
    _undo_import,
    _set_budget,
    _change_budget,
    _end_budget,
    _set_rule,
    _set_rule,
    _remove_rule,
    _recognize,
    _price,
    _rename_book,
)
"""Every command but those that begin and end a book, the common ones more often."""


def opened(ids: Ids, name: str = "Home") -> list[BookCommand]:
    """The commands that make a book fit to be used at once: two own accounts, a card, and categories."""
    own = ["Assets:Checking", "Assets:Savings", "Liabilities:Card"]
    categories = ["Income:Salary", "Income:Interest", "Expenses:Food", "Expenses:Food:Café", "Expenses:Rent"]
    return [
        OpenBook(BookId(ids()), "BRL", "America/Sao_Paulo", AccountId(ids()), name),
        *[DeclareCommodity(code, scale) for code, scale in UNITS.items() if code not in ("BRL", "USD")],
        *[OpenAccount(AccountId(ids()), account) for account in [*own, *categories]],
    ]


@st.composite
def commands(draw: st.DrawFn, book: Book, ids: Ids) -> BookCommand:
    """One command to an open book, mostly one that can happen."""
    return draw(st.sampled_from(_MAKERS))(Asking(draw, book, ids))


@st.composite
def imports(draw: st.DrawFn, book: Book, ids: Ids) -> list[BookCommand]:
    """An import as one atomic group: its rows, sometimes the balance the bank states, and its conclusion."""
    asking = Asking(draw, book, ids)
    import_id = ImportId(ids())
    unit: list[BookCommand] = []
    after = laid_over(book)
    for _ in range(draw(st.integers(0, MAX_ROWS))):
        row = _join(Asking(draw, after, ids)) if draw(st.integers(0, 2)) == 0 else _record(asking)
        match row:
            case JoinTransaction(own=own):
                row = dataclasses.replace(row, own=dataclasses.replace(own, import_id=import_id, fingerprint=ids()))
            case RecordTransaction():
                row = dataclasses.replace(row, import_id=import_id, fingerprint=ids())
            case _:
                raise AssertionError("a row is recorded or joins")
        unit.append(row)
        happened(after, row)
    told = draw(st.booleans())
    if unit and told:
        stated = _assert(Asking(draw, after, ids))
        assert isinstance(stated, AssertBalance)
        unit.append(dataclasses.replace(stated, import_id=import_id))
    account = draw(st.none() | st.sampled_from(list(book.ledger.accounts)))
    unknown = tuple(draw(st.lists(st.sampled_from(list(book.ledger.accounts)), max_size=2, unique=True)))
    unit.append(ConcludeImport(import_id, "ofx", account, len(unit), 0, draw(texts()), 0, unknown))
    return unit


@st.composite
def units(draw: st.DrawFn, book: Book, ids: Ids) -> list[BookCommand]:
    """What is submitted at once: mostly one command, sometimes an import or an atomic group."""
    shape = draw(st.integers(0, 9))
    if shape == 8:
        return draw(imports(book, ids))
    if shape == 9:
        return draw(groups(book, ids))
    return [draw(commands(book, ids))]


@st.composite
def groups(draw: st.DrawFn, book: Book, ids: Ids) -> list[BookCommand]:
    """Commands in an atomic group, each drawn for the book that those before it leave."""
    after = laid_over(book)
    unit: list[BookCommand] = []
    for _ in range(draw(st.integers(1, MAX_GROUP))):
        unit.append(draw(commands(after, ids)))
        happened(after, unit[-1])
    return unit


def erasures() -> st.SearchStrategy[BookCommand]:
    return texts().map(EraseBook)


def happened(book: Book, command: BookCommand) -> list[BookEvent]:
    """Let a command happen to the book where it can; what is refused leaves it as it was."""
    try:
        events_ = decide(book, command)
    except Rejected:
        return []
    for event in events_:
        evolve(book, event)
    return events_
