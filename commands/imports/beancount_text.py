"""Beancount: a whole ledger from its text, by beancount's own parser, booking, padding and checks.

Beancount's loader would open the files a text names and run the plugins it names. Nothing a stranger wrote is opened
or run here: a text that includes others is refused, for it is half a ledger, and plugins are left out by name.

Time and memory are beancount's own: about linear, but for an account of very many lots.

Beancount is under the GPL, hence the optional extra; it is imported when the first such file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

from commands.imports.beancount_guard import parsed
from commands.imports.reading import (
    MAX_IMPORT_DIRECTIVES,
    MAX_IMPORT_ROWS,
    NO_HINTS,
    Detected,
    Hints,
    Interval,
    Journal,
    JournalAccount,
    JournalBalance,
    JournalBudget,
    JournalClosing,
    JournalCost,
    JournalEntry,
    JournalPosting,
    JournalPrice,
    LeftOut,
    Reason,
)
from commands.imports.texts import MAX_DIGITS, clean, decoded, printable
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, Kind
from domain.money import MAX_AMOUNT_MINOR, MAX_SCALE

NAME = "beancount"

MAX_NAMED_ERRORS = 5
"""How many of beancount's errors a refusal tells."""

FLAGGED = "flagged"
"""The tag that stands for beancount's flag `!`."""

_FILE = "<import>"
_LOOKS_LIKE = re.compile(
    rb"^(?:option\s+\"|(?:19|20|18|17)\d\d[-/]\d\d[-/]\d\d\s+(?:open|commodity|balance|pad|price|close|custom|txn|\*|!)\s)",
    re.M,
)
_INTERVALS = {str(interval): interval for interval in Interval}
_KEPT_META = frozenset({"filename", "lineno"})
"""Metadata that beancount itself adds."""


class Beancount:
    """Beancount version 3 text, UTF-8."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        return file_name.lower().endswith((".beancount", ".bean")) or _LOOKS_LIKE.search(head) is not None

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Journal:
        text, encoding = decoded(raw, "utf-8")
        if not text.strip():
            raise Rejected("import_empty")
        bean = _Bean.imported()
        try:
            directives, remarks, options = _loaded(bean, text)
        except Rejected:
            raise
        except Exception as error:  # beancount's own, at what no ledger's owner would write
            raise Rejected("beancount_gave_up", error=type(error).__name__) from None
        return _Reader(bean, options).journal(directives, encoding, remarks)


@dataclass(frozen=True, slots=True)
class _Bean:
    """The parts of beancount that are used; untyped, for it is published without types."""

    parser: Any
    booking: Any
    pad: Any
    balance: Any
    validation: Any
    data: Any
    grammar: Any
    amount: Any

    @classmethod
    def imported(cls) -> _Bean:
        names = ("parser.parser", "parser.booking", "ops.pad", "ops.balance", "ops.validation", "core.data")
        try:
            return cls(*[import_module(f"beancount.{name}") for name in (*names, "parser.grammar", "core.amount")])
        except ImportError:
            raise Rejected("format_needs_extra", format=NAME, extra="beancount") from None


def _loaded(bean: _Bean, text: str) -> tuple[list[Any], list[Reason], Any]:
    """Directives completed and checked as beancount does it; refused where it finds errors.

    A balance that does not hold, or a pad that nothing needs, is no error here: the directive is left out by name.
    """
    entries, errors, count, options = parsed(bean.parser, bean.grammar, text, _FILE)
    if options["include"]:
        raise Rejected("beancount_includes_files", files=[clean(name)[:100] for name in options["include"][:5]])
    _refuse(bean, errors, count)
    # Beancount's checks break on a custom directive that says nothing.
    entries = [
        entry._replace(values=[]) if isinstance(entry, bean.data.Custom) and entry.values is None else entry
        for entry in entries
    ]
    entries.sort(key=bean.data.entry_sortkey)
    booked, errors = bean.booking.book(entries, options)
    _refuse(bean, errors)
    padded, _ = bean.pad.pad(booked, options)
    padded.sort(key=bean.data.entry_sortkey)
    checked, _ = bean.balance.check(padded, options)
    _refuse(bean, bean.validation.validate(checked, options))
    remarks = [Reason("plugin_left_out", {"plugin": clean(name)[:100]}) for name, _ in options["plugin"][:20]]
    return checked, remarks, options


def _refuse(bean: _Bean, errors: Sequence[Any], count: int = 0) -> None:
    """`beancount_errors` where there are any: `count` of them, or as many as there are here."""
    errors = [error for error in errors if not isinstance(error, bean.grammar.DeprecatedError)]
    if errors:
        told = [f"{_line(error.source)}: {clean(error.message)[:200]}" for error in errors[:MAX_NAMED_ERRORS]]
        raise Rejected("beancount_errors", count=max(count, len(errors)), errors=told)


def _line(meta: Any) -> int:
    return int(meta.get("lineno") or 0) if meta else 0


@dataclass(slots=True)
class _Reader:
    """Beancount's directives as a `Journal`, one kind after the other, each in the order of days."""

    bean: _Bean
    options: Any
    entries: list[JournalEntry] = field(default_factory=list)
    accounts: list[JournalAccount] = field(default_factory=list)
    prices: list[JournalPrice] = field(default_factory=list)
    balances: list[tuple[int, str, date, Decimal, str]] = field(default_factory=list)
    closings: list[tuple[int, str, date]] = field(default_factory=list)
    budgets: list[tuple[int, str, date, Interval, Decimal, str]] = field(default_factory=list)
    left_out: list[tuple[int, date | None, str, Reason]] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    commodities: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    roots: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    metadata: int = 0

    def journal(self, directives: Iterable[Any], encoding: str, remarks: list[Reason]) -> Journal:
        self.roots = {self.options[f"name_{kind.lower()}"]: str(kind) for kind in Kind}
        for directive in directives:
            self._take(directive)
        self._open_budgeted()
        kinds = (self.accounts, self.prices, self.balances, self.closings, self.left_out, self.budgets)
        if max(len(kind) for kind in kinds) > MAX_IMPORT_DIRECTIVES:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_DIRECTIVES)
        if self.metadata:
            remarks = [*remarks, Reason("metadata_left_out", {"count": self.metadata})]
        rows = iter(range(len(self.entries) + 1, len(self.entries) + 1 + sum(len(kind) for kind in kinds[2:])))
        return Journal(
            Detected(encoding),
            tuple(self.accounts),
            tuple(sorted(self.commodities | self.places.keys())),
            self.places,
            tuple(self.entries),
            tuple(self.prices),
            tuple(
                JournalBalance(next(rows), line, account, on, number, code)
                for line, account, on, number, code in self.balances
            ),
            tuple(JournalClosing(next(rows), line, account, on) for line, account, on in self.closings),
            tuple(LeftOut(next(rows), line, on, text, reason) for line, on, text, reason in self.left_out),
            tuple(remarks),
            tuple(JournalBudget(next(rows), *budget) for budget in self.budgets),
        )

    def _take(self, directive: Any) -> None:
        kind = type(directive).__name__
        line = _line(directive.meta)
        if len(directive.meta) > len(_KEPT_META):
            self.metadata += sum(not name.startswith("__") and name not in _KEPT_META for name in directive.meta)
        match kind:
            case "Transaction":
                self._take_transaction(directive, line)
            case "Open":
                on = directive.date if directive.date >= FIRST_DAY else None
                codes = tuple(directive.currencies or ())
                self.commodities.update(codes)
                self._open(JournalAccount(self._name(directive.account), codes, on, line))
            case "Commodity":
                self.commodities.add(directive.currency)
            case "Price":
                self._take_price(directive, line)
            case "Balance":
                self._take_balance(directive, line)
            case "Close":
                self.closings.append((line, self._name(directive.account), directive.date))
            case "Pad":
                pass  # beancount has made transactions of it
            case "Custom" if directive.type == "budget":
                self._take_budget(directive, line)
            case _:
                self._leave_out(directive, line, Reason("directive_left_out", {"directive": kind.lower()}))

    def _take_transaction(self, directive: Any, line: int) -> None:
        if len(self.entries) >= MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        postings = tuple([self._posting(posting) for posting in directive.postings])
        if not postings:
            self._leave_out(directive, line, Reason("row_moves_nothing"))
            return
        tags = sorted(directive.tags) if directive.tags else []
        if directive.flag == "!" and FLAGGED not in tags:
            tags.append(FLAGGED)
        self.entries.append(
            JournalEntry(
                len(self.entries) + 1,
                line,
                directive.date,
                printable(directive.payee or ""),
                printable(directive.narration or ""),
                tuple(tags),
                tuple(sorted(directive.links)) if directive.links else (),
                postings,
            )
        )

    def _posting(self, posting: Any) -> JournalPosting:
        number, code = posting.units
        self._use(number, code)
        if posting.meta and len(posting.meta) > len(_KEPT_META):
            self.metadata += sum(not name.startswith("__") and name not in _KEPT_META for name in posting.meta)
        cost = posting.cost
        if cost is not None:
            self.commodities.add(cost.currency)
            cost = JournalCost(cost.number, cost.currency, cost.date, printable(cost.label or ""))
        if posting.price is None:
            return JournalPosting(self._name(posting.account), number, code, cost)
        each, currency = posting.price
        self.commodities.add(currency)
        return JournalPosting(self._name(posting.account), number, code, cost, each, currency)

    def _take_price(self, directive: Any, line: int) -> None:
        rate, currency = directive.amount
        if directive.currency == currency or rate <= 0 or not FIRST_DAY <= directive.date <= LAST_DAY:
            self._leave_out(directive, line, Reason("price_not_usable"))
            return
        self.commodities.update((directive.currency, currency))
        self.prices.append(JournalPrice(directive.currency, directive.date, rate, currency, line))

    def _take_balance(self, directive: Any, line: int) -> None:
        """A balance stands at the start of its day: what the account held at the end of the day before."""
        number, code = directive.amount
        if directive.diff_amount is not None:
            self._leave_out(directive, line, Reason("assertion_not_holding", {"difference": directive.diff_amount}))
            return
        if directive.date <= FIRST_DAY:
            self._leave_out(directive, line, Reason("date_out_of_range", {"first": FIRST_DAY, "last": LAST_DAY}))
            return
        self.commodities.add(code)
        on = directive.date - timedelta(days=1)
        self.balances.append((line, self._name(directive.account), on, number, code))

    def _take_budget(self, directive: Any, line: int) -> None:
        """An entry as fava reads it: an account, an interval and an amount, in this order."""
        values = [value.value for value in directive.values or ()]
        if len(values) != 3 or not isinstance(values[0], str) or not isinstance(values[2], self.bean.amount.Amount):
            self._leave_out(directive, line, Reason("budget_not_as_fava_reads"))
            return
        interval = _INTERVALS.get(str(values[1]).lower())
        number, code = values[2]
        account = self._name(values[0])
        if directive.values[0].dtype is str and account not in self.opened:
            self._leave_out(directive, line, Reason("account_unknown", {"account": clean(account)[:100]}))
        elif interval is None:
            params = {"interval": clean(str(values[1]))[:40], "intervals": ", ".join(Interval)}
            self._leave_out(directive, line, Reason("budget_interval_unknown", params))
        elif not account.startswith((f"{Kind.EXPENSES}:", f"{Kind.INCOME}:")):
            self._leave_out(directive, line, Reason("budget_needs_category", {"account": account}))
        elif not FIRST_DAY <= directive.date <= LAST_DAY:
            self._leave_out(directive, line, Reason("date_out_of_range", {"first": FIRST_DAY, "last": LAST_DAY}))
        else:
            if number.adjusted() > MAX_DIGITS:
                raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
            self.commodities.add(code)
            self.budgets.append((line, account, directive.date, interval, number, code))

    def _open_budgeted(self) -> None:
        """Beancount lets a budget speak of an account that is never opened, such as the parent of others."""
        for line, account, *_ in self.budgets:
            if account not in self.opened:
                self._open(JournalAccount(account, (), None, line))

    def _open(self, account: JournalAccount) -> None:
        self.opened.add(account.name)
        self.accounts.append(account)

    def _leave_out(self, directive: Any, line: int, reason: Reason) -> None:
        told = [
            str(getattr(directive, name))
            for name in ("account", "type", "name", "description", "comment", "payee", "narration", "currency")
            if getattr(directive, name, None)
        ]
        text = clean(" ".join([type(directive).__name__.lower(), *told]))[:200]
        params = {name: str(value) if not isinstance(value, date) else value for name, value in reason.params.items()}
        self.left_out.append((line, directive.date, text, Reason(reason.code, params)))

    def _name(self, account: str) -> str:
        """The account's name under our five roots, whatever the file calls them."""
        name = self.names.get(account)
        if name is None:
            root, _, rest = account.partition(":")
            name = self.names[account] = f"{self.roots.get(root, root)}:{rest}"
        return name

    def _use(self, number: Decimal, code: str) -> None:
        """Remember the decimal places that a commodity is written with, and those that it needs."""
        if number.adjusted() > MAX_DIGITS:
            raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
        written, needed = self.places.get(code, (-1, 0))
        exponent = number.as_tuple().exponent
        places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        if places > needed:
            exactly = number.normalize().as_tuple().exponent
            needed = max(needed, -exactly if isinstance(exactly, int) else 0)
        if places > written or needed > self.places[code][1]:
            self.places[code] = (max(written, min(places, MAX_SCALE)), needed)
