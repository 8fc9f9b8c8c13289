"""Delimited text into statements: each row in the file's order, what is open asked, what is wrong left out by name.

Whatever is the same for the whole file (the order of its days, its decimal mark, which way its signs go) is found out
before the first row is read, from all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from commands.imports.delimited.balances import Step, adds_up, last_balance
from commands.imports.delimited.days import ORDERS, Days, days_in, order_of
from commands.imports.delimited.figures import (
    Figure,
    Figures,
    code_in_name,
    codes_in,
    direction_of,
    is_signed,
    mark_of,
    scale_of,
    stands,
    told,
)
from commands.imports.delimited.profile import GENERIC, Profile, built_in, folded
from commands.imports.delimited.table import Table, find_table, rows_of
from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    SNIFFED_BYTES,
    AccountType,
    Detected,
    Hints,
    Question,
    Reason,
    Statement,
    StatementRow,
    Statements,
)
from commands.imports.texts import clean, read_instalment, read_text
from domain.errors import Rejected
from domain.money import MAX_CODE_CHARS, Amount, commodity

NAME = "csv"

MAX_STATEMENTS = 100
"""Currencies and parts of an account that one file may tell of."""

MIN_BALANCES = 3
"""Rows with a balance that must add up before they tell which way the signs go."""

MAX_ODD_CHARS = 200
"""How much of a row whose columns cannot be told is shown."""

NOTHING = (0, 0)
AS_WRITTEN, REVERSED = "as-written", "reversed"


class Delimited:
    """CSV, semicolon- and tab-separated text, by the profiles given or else those that come with the program."""

    name = NAME

    def __init__(self, profiles: Sequence[Profile] | None = None) -> None:
        """`profiles` are added to the built-in ones; of two with one name the one given stands."""
        self._added = tuple(profiles or ())

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """All profiles by name, the generic one last."""
        by_name = {profile.name: profile for profile in (*built_in(), *self._added)}
        return dict(sorted(by_name.items(), key=lambda named: named[0] == GENERIC))

    def fits(self, head: bytes, file_name: str) -> bool:
        if len(head) >= SNIFFED_BYTES:
            head = head[: head.rfind(b"\n") + 1] + (b"\0" if head[1:2] == b"\0" or head[:2] == b"\xff\xfe" else b"")
        try:
            text = read_text(head).text
            is_table = find_table(text, list(self.profiles.values()), forced=False) is not None
        except Rejected:
            return False
        return is_table or (file_name.lower().endswith((".csv", ".tsv")) and not text.lstrip().startswith(("<", "{")))

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        read = read_text(raw)
        text = read.text.rstrip("\x1a")
        if not text.strip():
            raise Rejected("import_empty")
        for name, value, known in (
            ("decimal_mark", hints.decimal_mark, (".", ",")),
            ("date_order", hints.date_order, ORDERS),
            ("sign", hints.sign, (AS_WRITTEN, REVERSED)),
        ):
            if value and value not in known:
                raise Rejected("answer_not_valid", answer=f"{name}={value[:40]}")
        profiles = self.profiles
        if hints.profile and hints.profile not in profiles:
            raise Rejected("profile_unknown", profile=hints.profile[:40], profiles=list(profiles))
        chosen = [profiles[hints.profile]] if hints.profile else list(profiles.values())
        table = find_table(text, chosen, bool(hints.profile))
        if table is None:
            raise Rejected("columns_not_found")
        rows, is_proper = rows_of(text, table)
        reading = _Reading(table, hints, rows)
        try:
            reading.read()
        finally:
            folded.cache_clear()  # what people wrote outlives no reading
        remarks = list(reading.remarks)
        if not is_proper:
            remarks.insert(0, Reason("quotes_not_proper"))
        if read.nul_count:
            remarks.insert(0, Reason("nul_bytes_dropped", {"count": read.nul_count}))
        detected = Detected(
            read.encoding, table.delimiter, reading.mark, reading.order, reading.sign, table.profile.name
        )
        return Statements(detected, tuple(reading.statements), tuple(remarks), tuple(reading.questions))


@dataclass(slots=True)
class _Group:
    """The rows of one currency and part: a statement in the making."""

    currency: str
    type: AccountType
    figures: Figures
    rows: list[StatementRow] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class _Words(dict[str, str]):
    """Texts made printable, each once: banks repeat themselves."""

    def __missing__(self, text: str) -> str:
        cleaned = self[text] = clean(text)
        return cleaned


class _Reading:
    """One file: first what all its rows have in common, then the rows."""

    def __init__(self, table: Table, hints: Hints, rows: list[list[str]]) -> None:
        self.statements: list[Statement] = []
        self.questions: list[Question] = []
        self.remarks: list[Reason] = []
        self._table = table
        self._profile = profile = table.profile
        self._rows = rows
        roles = self._roles = table.roles
        self._words = _Words()
        self._groups: dict[tuple[str, str], _Group] = {}
        self._odd_widths: dict[int, Reason] = {}
        self._number = 0
        self._date_at, self._payee_at, self._memo_at = roles["date"], roles.get("payee", ()), roles.get("memo", ())
        self._balance_at, self._currency_at, self._part_at = self._at("balance"), self._at("currency"), self._at("part")
        self._id_at, self._kind_at, self._state_at = self._at("id"), self._at("kind"), self._at("state")
        self._counterparts = profile.counterparts
        self._balance_words = frozenset(
            text for text in self._texts_of((*self._payee_at, *self._memo_at), rows) if profile.is_balance(text)
        )
        self._checks = self._balance_at is not None or bool(self._balance_words)
        self._moving = [cells for cells in rows if not self._tells_balance(cells)] if self._balance_words else rows
        self._two_columns = "amount" not in roles
        self._amount_at = (roles["debit"][0], roles["credit"][0]) if self._two_columns else roles["amount"][:1]
        amounts = self._texts_of(self._amount_at)
        self.order = hints.date_order or profile.date_order or self._found_order()
        self._days = Days(self.order)
        self._known_mark = hints.decimal_mark or profile.decimal_mark
        self.mark = self._known_mark or mark_of(amounts)
        self._codes = codes_in(amounts)
        self._currency = profile.currency or self._found_currency()
        self._is_mixed = len(self._codes) > 1 and not self._currency
        self._is_signed = any(map(is_signed, amounts))
        self._direction_at = None if self._two_columns else self._found_direction()
        self._by_words = self._direction_at is not None and not self._is_signed
        is_told = self._two_columns or self._by_words
        self.sign = "" if is_told else hints.sign or profile.sign or self._found_sign()
        self._asks_sign = not self.sign and not is_told
        self._fee_at = self._found_fee()
        self._unmarked = self._unsigned = ""
        debits = [text for text in self._texts_of(self._amount_at[:1]) if stands(text)]
        self._debit_is_signed = self._two_columns and all(map(is_signed, debits))

    # What all rows have in common

    def _texts_of(self, places: Sequence[int], rows: list[list[str]] | None = None) -> list[str]:
        """The distinct texts of columns, in the order of the file: of the rows that move something, or those given."""
        rows = self._moving if rows is None else rows
        return list(dict.fromkeys([cells[place] for place in places for cells in rows if len(cells) > place]))

    def _found_order(self) -> str:
        """The order of the days, or the question which it is."""
        above = [text for cells in self._table.above for cell in cells for text in days_in(cell)]
        order, example, choices = order_of([*above, *self._texts_of(self._roles["date"])])
        if choices:
            self.questions.append(
                Question("which_date_order", "date_order", {"example": example}, choices, needed=True)
            )
        return order

    def _found_currency(self) -> str:
        """The currency that the amounts, or the name of their column, tell where no column does."""
        if "currency" in self._roles:
            return ""
        if len(self._codes) == 1:
            return next(iter(self._codes))
        named = {code_in_name(self._table.header[place]) for place in self._amount_at if self._table.header}
        return named.pop() if len(named) == 1 and not self._codes else ""

    def _at(self, role: str) -> int | None:
        return self._roles[role][0] if role in self._roles else None

    def _found_direction(self) -> int | None:
        """The column that says of every row which way it goes."""
        for place in self._roles.get("direction", ()):
            words = [word for word in self._texts_of((place,)) if word.strip()]
            if words and (self._profile.name != GENERIC or all(map(direction_of, words))):
                return place
        return None

    def _found_sign(self) -> str:
        """As written where signs are used at all, or where the running balance says so; empty where nothing does."""
        if self._is_signed or not any(map(stands, self._texts_of(self._amount_at))):
            return AS_WRITTEN
        return self._sign_by_balance()

    def _sign_by_balance(self) -> str:
        """The one way of the signs in which amounts add up to the balances."""
        rows = self._figures_of(self._amount_at[0], self._balance_at)
        if len(rows) < MIN_BALANCES:
            return ""
        ways = [
            sign
            for sign, way in ((AS_WRITTEN, 1), (REVERSED, -1))
            if adds_up([(way * moved, balance) for moved, balance in rows])
        ]
        return ways[0] if len(ways) == 1 else ""

    def _found_fee(self) -> int | None:
        """The column of fees that stand beside the amounts: a profile tells it, or else the running balance; where
        neither does, they are taken to be inside, and that is said.
        """
        place = self._at("fee")
        if place is None or self._profile.name != GENERIC:
            return place
        fees = [text for text in self._texts_of((place,)) if stands(text)]
        if not fees:
            return None
        rows = [] if self._two_columns else self._figures_of(self._amount_at[0], place, self._balance_at)
        if len(rows) >= MIN_BALANCES and adds_up([(moved - fee, balance) for moved, fee, balance in rows]):
            return place
        if not adds_up([(moved, balance) for moved, _, balance in rows]) or len(rows) < MIN_BALANCES:
            self.remarks.append(Reason("fees_taken_as_inside", {"column": clean(self._table.header[place])[:40]}))
        return None

    def _figures_of(self, *places: int | None) -> list[tuple[Decimal, ...]]:
        """The figures of columns in all whole rows; empty where a column is missing, or a figure cannot be read."""
        wanted = [place for place in places if place is not None]
        figures = Figures(self._known_mark, scale_of(self._currency))
        read: list[tuple[Decimal, ...]] = []
        for cells in self._moving if len(wanted) == len(places) else ():
            if len(cells) < self._table.width:
                continue
            row: list[Decimal] = []
            for place in wanted:
                figure = figures[cells[place].strip() or "0"]
                if isinstance(figure, Reason):
                    return []
                row.append(Decimal(figure[0]).scaleb(-figure[1]))
            read.append(tuple(row))
        return read

    # The rows

    def read(self) -> None:
        """Make statements of the rows, and questions of what they leave open."""
        width = self._table.width
        odd: list[StatementRow] = []
        for cells in self._rows:
            is_whole = len(cells) == width or (len(cells) > width and not any(cells[width:]))
            if is_whole and self._balance_words and self._tells_balance(cells):
                self._take_balance(cells)
                continue
            self._number += 1
            if self._number > MAX_IMPORT_ROWS:
                raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
            if is_whole:
                self._take(cells, self._group_of(cells))
            else:
                odd.append(self._of_other_width(cells))
        if not self._groups:
            self._group("", self._currency)
        groups = list(self._groups.values())
        if odd:
            groups[0].rows = sorted([*groups[0].rows, *odd], key=lambda row: row.row)
        self._ask()
        self.statements = [self._statement(number, group) for number, group in enumerate(groups, 1)]

    def _of_other_width(self, cells: list[str]) -> StatementRow:
        """A row with more or fewer columns than there are names: which is which is not certain."""
        reason = self._odd_widths.get(len(cells))
        if reason is None:
            params = {"count": len(cells), "expected": self._table.width}
            reason = self._odd_widths[len(cells)] = Reason("row_columns_differ", params)
        words = self._words[" ".join(filter(None, cells))[:MAX_ODD_CHARS]]
        return StatementRow(self._number, None, None, words, "", "", "", left_out=reason)

    def _group_of(self, cells: list[str]) -> _Group:
        code = self._currency
        if self._currency_at is not None:
            code = self._words[cells[self._currency_at]].upper()[:MAX_CODE_CHARS]
        elif self._is_mixed:
            found = codes_in([cells[place] for place in self._amount_at])
            code = found.pop() if len(found) == 1 else ""
        part = folded(cells[self._part_at]) if self._part_at is not None else ""
        return self._groups.get((part, code)) or self._group(part, code)

    def _group(self, part: str, code: str) -> _Group:
        if len(self._groups) == MAX_STATEMENTS:
            raise Rejected("too_many_statements", limit=MAX_STATEMENTS)
        kind = self._profile.parts.get(part, self._profile.type)
        group = self._groups[part, code] = _Group(code, kind, Figures(self._known_mark, scale_of(code)))
        return group

    def _take(self, cells: list[str], group: _Group) -> None:
        words = self._words
        day = self._day(cells)
        on = None if isinstance(day, Reason) else day
        amount = self._amount(cells, group)
        moved = None if isinstance(amount, Reason) else amount
        left_out = day if isinstance(day, Reason) else amount if isinstance(amount, Reason) else None
        if moved is not None and not moved.minor and left_out is None:
            left_out = Reason("row_moves_nothing")
        state = self._state(cells[self._state_at]) if self._state_at is not None else None
        payee = memo = ""
        for place in self._payee_at:
            payee = words[cells[place]]
            if payee:
                break
        for place in self._memo_at:
            text = words[cells[place]]
            if text and text != payee:
                memo = clean(f"{memo} {text}") if memo else text
        row = StatementRow(
            self._number,
            on,
            moved,
            payee,
            memo,
            clean(cells[self._id_at]) if self._id_at is not None else "",
            words[cells[self._kind_at]] if self._kind_at is not None else "",
            read_instalment(f"{payee} {memo}" if memo else payee, on if group.type is AccountType.CARD else None),
            True,
            state or left_out,
            state is not None and state.code == "row_pending",
            counterpart=self._counterparts.get(folded(payee)) if self._counterparts else None,
        )
        group.rows.append(row)
        if self._checks and state is None:
            balance = self._balance(cells, self._balance_at, group) if self._balance_at is not None else None
            what = (moved.minor, moved.commodity.scale) if moved is not None else None
            group.steps.append(Step(self._number, on, what, balance))

    def _day(self, cells: list[str]) -> date | Reason:
        for place in self._date_at:
            text = cells[place]
            if text and not text.isspace():
                return self._days[text]
        return Reason("row_date_not_valid", {"text": ""})

    def _state(self, text: str) -> Reason | None:
        """Why a row is not booked; None where it is."""
        word, profile = folded(text), self._profile
        if word in profile.booked:
            return None
        if word in profile.pending:
            return Reason("row_pending")
        return Reason("row_reverted") if word in profile.dropped else Reason("row_state_unknown", {"state": told(text)})

    # Amounts

    def _amount(self, cells: list[str], group: _Group) -> Amount | Reason:
        """What a row moved, from the account's side, fees that stand apart included."""
        text = cells[self._amount_at[0]]
        if self._two_columns:
            other = cells[self._amount_at[1]]
            is_out, is_in = stands(text), stands(other)
            if not is_out and not is_in:
                return Reason("row_moves_nothing")
            if is_out and is_in:
                return Reason("sign_ambiguous", {"text": told(f"{text} {other}")})
            text = text if is_out else other
            figure = self._figure(text, group)
            if isinstance(figure, Reason):
                return figure
            minor, places, _ = figure
            if minor < 0 and not (is_out and self._debit_is_signed):
                return Reason("sign_ambiguous", {"text": told(text)})
            minor = -abs(minor) if is_out else minor
        else:
            figure = self._figure(text, group)
            if isinstance(figure, Reason):
                return figure
            minor, places, _ = figure
            if self._asks_sign and minor:
                self._unsigned = self._unsigned or told(text)
                return Reason("sign_ambiguous", {"text": told(text)})
        if self.sign == REVERSED:
            minor = -minor
        if self._direction_at is not None and minor:
            way = direction_of(cells[self._direction_at])
            if not way if self._by_words else way * minor < 0:
                return Reason("sign_ambiguous", {"text": told(f"{text} {cells[self._direction_at]}")})
            minor = minor * way if self._by_words else minor
        if self._fee_at is not None and stands(cells[self._fee_at]):
            fee = self._figure(cells[self._fee_at], group)
            if isinstance(fee, Reason):
                return fee
            finer = max(places, fee[1])
            minor = minor * 10 ** (finer - places) - fee[0] * 10 ** (finer - fee[1])
            places = finer
        return Amount(minor, commodity(group.currency, places))

    def _figure(self, text: str, group: _Group) -> Figure | Reason:
        figure = group.figures[text]
        if isinstance(figure, Reason):
            if figure.code == "amount_ambiguous":
                self._unmarked = self._unmarked or told(text)
            return figure
        if figure[2] and figure[2] != group.currency and group.currency:
            return Reason("row_in_other_currency", {"currency": figure[2], "expected": group.currency})
        return figure

    # Balances

    def _balance(self, cells: list[str], place: int, group: _Group) -> tuple[int, int] | None:
        figure = group.figures[cells[place]]
        if isinstance(figure, Reason):
            return None
        minor, places, _ = figure
        return (-minor if self.sign == REVERSED else minor), places

    def _tells_balance(self, cells: list[str]) -> bool:
        places = (*self._payee_at, *self._memo_at)
        return any(len(cells) > place and cells[place] in self._balance_words for place in places)

    def _take_balance(self, cells: list[str]) -> None:
        """A row that moves nothing: it tells what was held before the rows that follow it, or after those before."""
        group, day = self._group_of(cells), self._day(cells)
        places = [*self._amount_at, *([self._balance_at] if self._balance_at is not None else [])]
        balance = next((found for p in places if (found := self._balance(cells, p, group)) is not None), None)
        if balance is not None:
            group.steps.append(Step(self._number, None if isinstance(day, Reason) else day, NOTHING, balance))

    def _statement(self, number: int, group: _Group) -> Statement:
        days = [row.date for row in group.rows if row.date is not None]
        first, last = (min(days), max(days)) if days else (None, None)
        stated, on, remark = last_balance(group.steps, group.currency)
        if remark is not None:
            self.remarks.append(remark)
        elif stated is None and len(self._groups) == 1:
            stated, on = self._stated_above(group, last)
        account = self._above(self._profile.account_labels)
        return Statement(
            number, group.type, self._profile.bank, account, group.currency, first, last, stated, on, tuple(group.rows)
        )

    def _above(self, labels: frozenset[str]) -> str:
        """What stands behind one of the labels in the lines above the column names."""
        for cells in self._table.above:
            label, _, rest = cells[0].partition(":")
            values = [text for text in (rest, *cells[1:]) if text.strip()]
            if folded(label) in labels and values:
                return clean(values[0])
        return ""

    def _stated_above(self, group: _Group, last: date | None) -> tuple[Amount | None, date | None]:
        """The balance above the column names, at the end of the period that is told there."""
        figure = group.figures[self._above(self._profile.balance_labels)]
        texts = [text for cells in self._table.above for cell in cells for text in days_in(cell)]
        days = [day for day in map(self._days.__getitem__, texts) if not isinstance(day, Reason)]
        on = max(days, default=None)
        if isinstance(figure, Reason) or on is None or (last is not None and on < last) or self.sign == REVERSED:
            return None, None
        return Amount(figure[0], commodity(group.currency, figure[1])), on

    def _ask(self) -> None:
        if self._unmarked:
            self.questions.append(
                Question("which_decimal_mark", "decimal_mark", {"example": self._unmarked}, (".", ","), needed=True)
            )
        if self._unsigned:
            params = {"example": self._unsigned}
            self.questions.append(Question("which_sign", "sign", params, (AS_WRITTEN, REVERSED), needed=True))
