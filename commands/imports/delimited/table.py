"""Tables in a text: which delimiter parts it, which row names its columns, and its cells, one row after the other.

A quote that is never closed would swallow what follows, so quotes are read strictly; where they are not proper every
line is read by itself, so that what is wrong costs only its own row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from commands.imports.delimited.days import order_of, told
from commands.imports.delimited.figures import is_figure
from commands.imports.delimited.profile import DELIMITERS, GENERIC, MAX_COLUMNS, Profile, folded
from commands.imports.reading import MAX_IMPORT_ROWS
from commands.imports.texts import read_figure
from domain.errors import Rejected

MAX_LINES_ABOVE = 60
"""How far down a file the row of column names is looked for."""

MAX_LINE_CHARS = 64 * 1024
"""The longest line; a row of a bank has some hundred characters."""

SNIFFED_LINES = 200
"""Lines from which a table without column names is told."""

FITTING = 0.9
"""The share of the lines that must look alike for a table without column names; the others are left out by name."""

CHAINED_ROWS = 3
"""Rows that must add up before a column without a name is taken to be the running balance."""

Roles = Mapping[str, tuple[int, ...]]
"""Columns by what they are, the preferred first."""


@dataclass(frozen=True, slots=True)
class Table:
    """How a text is to be read: `skip` lines stand before the first row, `above` are the cells of those before the
    column names, `header` the names (empty where there are none).
    """

    profile: Profile
    delimiter: str
    skip: int
    width: int
    roles: Roles
    header: tuple[str, ...] = ()
    above: tuple[tuple[str, ...], ...] = ()


# Finding the table


def find_table(text: str, profiles: Sequence[Profile], forced: bool) -> Table | None:
    """The table of a text: by the names of its columns, those of a bank's profile first, else by the shape of its rows.

    `forced`: the one profile is a person's word, so that its columns suffice, in whatever row of names.
    """
    sniffed = _sniffed(text)
    found = [
        table
        for delimiter in DELIMITERS
        for profile in profiles
        if profile.delimiter in ("", delimiter) and not profile.width
        for table in [_by_header(sniffed[delimiter], delimiter, profile, forced)]
        if table is not None
    ]
    if found:
        return max(found, key=lambda table: (table.profile.name != GENERIC, table.width))
    for profile in profiles:
        if profile.width:
            rows = [cells for _, cells in sniffed[profile.delimiter]]
            if _has_shape(rows, profile) or (forced and rows):
                return Table(profile, profile.delimiter, 0, profile.width, _positions(profile))
    generic = next((profile for profile in profiles if profile.name == GENERIC), None)
    shapes = [_by_shape(sniffed[delimiter], delimiter, generic) for delimiter in DELIMITERS] if generic else []
    return max([shape for shape in shapes if shape is not None], key=lambda table: table.width, default=None)


def _sniffed(text: str) -> dict[str, list[tuple[int, tuple[str, ...]]]]:
    """The first rows as each delimiter parts them, trimmed, with the number of the line each ends on."""
    lines = list(islice(_lines(text, 0), SNIFFED_LINES))
    return {delimiter: list(_rows_of(lines, delimiter)) for delimiter in DELIMITERS}


def _rows_of(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in _one_line(line, delimiter)]
        while cells and not cells[-1]:
            cells.pop()
        if cells and len(cells) <= MAX_COLUMNS:
            yield number, tuple(cells)


def _by_header(
    rows: Sequence[tuple[int, tuple[str, ...]]], delimiter: str, profile: Profile, forced: bool
) -> Table | None:
    for place, (line, cells) in enumerate(rows[:MAX_LINES_ABOVE]):
        if len(cells) < 2 or not (forced or profile.name == GENERIC or profile.has_header(cells)):
            continue
        roles = _named_roles(profile, cells)
        if roles is not None:
            above = tuple([cells for _, cells in rows[:place]])
            return Table(profile, delimiter, line, len(cells), roles, cells, above)
    return None


def _named_roles(profile: Profile, cells: Sequence[str]) -> Roles | None:
    """Which columns are what; None where there is no date or no amount among them."""
    places: dict[str, int] = {}
    for place, cell in enumerate(cells):
        places.setdefault(folded(cell), place)
    roles = {
        role: found
        for role, names in profile.columns.items()
        if (found := tuple([places[name] for name in names if isinstance(name, str) and name in places]))
    }
    has_amount = "amount" in roles or ("debit" in roles and "credit" in roles)
    return roles if "date" in roles and has_amount else None


def _positions(profile: Profile) -> Roles:
    return {
        role: tuple([place - 1 for place in places if isinstance(place, int)])
        for role, places in profile.columns.items()
    }


def _has_shape(rows: Sequence[tuple[str, ...]], profile: Profile) -> bool:
    """Whether nearly all rows are as wide, dated and marked as the profile says, and none of their days speaks of
    another order.
    """
    roles = _positions(profile)
    day, amount = roles["date"][0], roles["amount"][0] if "amount" in roles else None
    if amount is None or not rows:
        return False
    fitting = [
        cells
        for cells in rows
        if len(cells) == profile.width
        and told(cells[day]) is not None
        and is_figure(cells[amount], profile.decimal_mark)
    ]
    order, _, choices = order_of([cells[day] for cells in fitting])
    return len(fitting) >= FITTING * len(rows) and profile.date_order in (order, *choices)


def _by_shape(rows: Sequence[tuple[int, tuple[str, ...]]], delimiter: str, generic: Profile) -> Table | None:
    """A table without column names: one column of days, one of figures (or a second one that the first adds up to), and
    words in the others.
    """
    cells = [cells for _, cells in rows]
    width = max((len(row) for row in cells), default=0)
    wide = [(*row, *[""] * (width - len(row))) for row in cells]
    columns = list(zip(*wide, strict=True))
    days = [place for place, column in enumerate(columns) if _share(column, lambda text: told(text) is not None)]
    figures = [place for place, column in enumerate(columns) if place not in days and _share(column, is_figure)]
    marked = [place for place in figures if any(c in text for text in columns[place] for c in ".,-+")]
    figures = marked or figures
    words = [place for place in range(width) if place not in days and place not in figures]
    if not days or not words or not 1 <= len(figures) <= 2:
        return None
    roles: dict[str, tuple[int, ...]] = {"date": tuple(days), "payee": tuple(words), "memo": tuple(words)}
    if len(figures) == 2:
        figures = _amount_and_balance([columns[place] for place in figures], figures)
        if not figures:
            return None
        roles["balance"] = (figures[1],)
    roles["amount"] = (figures[0],)
    return Table(generic, delimiter, 0, width, roles)


def _share(column: Sequence[str], is_so: Callable[[str], bool]) -> bool:
    return sum(1 for text in column if is_so(text)) >= FITTING * len(column)


def _amount_and_balance(columns: Sequence[Sequence[str]], places: Sequence[int]) -> list[int]:
    """Which of two columns is the running balance of the other; empty where that is not certain."""
    read: list[list[int]] = []
    for column in columns:
        figures = [read_figure(text, 2) for text in column if _is_certain(text)]
        if len(figures) < len(column):
            return []
        most = max(digits for _, digits in figures)
        read.append([minor * 10 ** (most - digits) for minor, digits in figures])
    for amounts, balances, found in ((*read, list(places)), (*read[::-1], list(places)[::-1])):
        pairs = list(pairwise(balances))
        oldest_first = all(old + amount == new for (old, new), amount in zip(pairs, amounts[1:], strict=True))
        newest_first = all(new == old + amount for (new, old), amount in zip(pairs, amounts, strict=False))
        if len(pairs) >= CHAINED_ROWS and (oldest_first or newest_first):
            return found
    return []


def _is_certain(text: str) -> bool:
    try:
        read_figure(text, 2)
    except Rejected:
        return False
    return True


# Its rows


MAX_ODD_ROWS = 1_000
"""Rows of another width than the row of names that are left out one by one, where they are more than the others; of
still more the table is not the one that its names tell.
"""


def rows_of(text: str, table: Table) -> tuple[list[list[str]], bool]:
    """All rows behind the column names but empty ones and repeated names, and whether every quote in them is closed.

    `import_too_many_rows`, `line_too_long`, `rows_do_not_fit_columns`, and `import_cut_in_half` where the last line
    ends within quotes.
    """
    try:
        reader = csv.reader(_lines(text, table.skip), delimiter=table.delimiter, strict=True)
        return _kept(reader, table), True
    except csv.Error:
        pass
    last = ""
    for line in _lines(text, table.skip):
        last = line if line.strip() else last
    try:
        list(csv.reader([last], delimiter=table.delimiter, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise Rejected("import_cut_in_half") from None
    lines = (_one_line(line, table.delimiter) for line in _lines(text, table.skip))
    return _kept(lines, table), False


def _kept(rows: Iterator[list[str]], table: Table) -> list[list[str]]:
    header, first = list(table.header), table.header[0] if table.header else None
    kept: list[list[str]] = []
    odd = 0
    for cells in rows:
        if not any(cells):
            continue
        if (
            first is not None
            and cells[0].strip() == first
            and [cell.strip() for cell in cells[: len(header)]] == header
        ):
            continue
        if len(kept) == 2 * MAX_IMPORT_ROWS:  # rows that tell a balance are there beside those that count
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        kept.append(cells)
        if len(cells) < table.width or any(cells[table.width :]):
            odd += 1
            if odd > MAX_ODD_ROWS and 2 * odd > len(kept):
                raise Rejected("rows_do_not_fit_columns", count=odd, expected=table.width)
    return kept


def _one_line(line: str, delimiter: str) -> list[str]:
    """A line's cells, whatever is open at its end; one cell where it cannot be parted."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line.strip()]


def _lines(text: str, skip: int) -> Iterator[str]:
    """The lines behind the first `skip`, with their ends."""
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if len(line) > MAX_LINE_CHARS:
            raise Rejected("line_too_long", line=number, limit=MAX_LINE_CHARS)
        if number > skip:
            yield line
