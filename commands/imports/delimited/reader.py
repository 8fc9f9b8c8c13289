"""Delimited text into statements: every row in the file's own order, what is open asked, what is wrong left out by name.

Whatever is the same for the whole file (the order of its days, its decimal mark, which way its signs go) is found out
before the first row is read, from all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from commands.imports.delimited.balances import Step, last_balance
from commands.imports.delimited.days import Days, days_in, order_of
from commands.imports.delimited.figures import OUT, Figure, Figures, code_in_name, direction_of
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
        profiles = self.profiles
        if hints.profile and hints.profile not in profiles:
            raise Rejected("profile_unknown", profile=hints.profile[:40], profiles=list(profiles))
        chosen = [profiles[hints.profile]] if hints.profile else list(profiles.values())
        table = find_table(text, chosen, bool(hints.profile))
        if table is None:
            raise Rejected("columns_not_found")
        rows, is_proper = rows_of(text, table)
        reading = _Reading(table, hints, rows)
        reading.read()
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
    rows: list[StatementRow] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class _Words(dict[str, str]):
    """Texts made printable, each once: banks repeat themselves."""

    def __missing__(self, text: str) -> str:
        cleaned = self[text] = clean(text)
        return cleaned


class _Reading:
    """One file: first what its rows have in common, then the rows."""

    def __init__(self, table: Table, hints: Hints, rows: list[list[str]]) -> None:
        self.statements: list[Statement] = []
        self.questions: list[Question] = []
        self.remarks: list[Reason] = []
        self._table = table
        self._profile = table.profile
        self._rows = rows
        self._roles = {role: places for role, places in table.roles.items() if places}
        self._amounts = self._roles["amount"][:1] or (*self._roles["debit"][:1], *self._roles["credit"][:1])
        self.order = hints.date_order or self._profile.date_order or self._found_order()
        self._days = Days(self.order)
        self._figures = Figures(hints.decimal_mark or self._profile.decimal_mark)
        self.mark = self._found_mark()
        self._words = _Words()
        self._groups: dict[tuple[str, str], _Group] = {}
        self.sign = hints.sign or self._profile.sign

    def _texts_of(self, *places: int) -> list[str]:
        """The distinct texts of columns, in the order of the file."""
        return list(dict.fromkeys([cells[place] for place in places for cells in self._rows if len(cells) > place]))
