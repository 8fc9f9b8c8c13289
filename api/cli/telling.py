"""Telling: how answers look at a terminal, and how they are written for programs.

Amounts stand right-aligned in their commodity's own style; a negative one is told by its sign, and by colour only
besides. What people wrote is shown as text and never as a terminal's commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from rich.console import Console

    from api.items import Item

WIDE = 500
"""Columns of a table that no terminal limits: what is piped is not wrapped."""

_DECIMAL_COMMA = frozenset(
    "ARS BRL CLP COP CZK DKK EUR HUF IDR NOK PLN PYG RON RUB SEK TRY UAH UYU VND".split()  # noqa: SIM905
)
"""Currencies that are written `1.234,56` where they are at home (EUR in most places)."""


def styled(amount: str, commodity: str) -> str:
    """A decimal string as its commodity is written: `-1234.50` in BRL is `-1.234,50`, in USD `-1,234.50`."""
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    whole, point, places = digits.partition(".")
    grouped = f"{int(whole):,}"
    if commodity in _DECIMAL_COMMA:
        return sign + grouped.replace(",", ".") + ("," if point else "") + places
    return sign + grouped + point + places


def shown(text: object) -> str:
    """A text on one line, without characters that a terminal might obey."""
    return "".join([c if c.isprintable() else " " for c in str(text)])


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str, stderr: bool = False) -> None:
    """A table; columns whose title ends with `>` are right-aligned. `empty` is said where there is no row."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = console(stderr=stderr)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in columns:
        right = title.endswith(">")
        table.add_column(title.rstrip(">"), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        cells = [shown(cell) for cell in row]
        styles = ["red" if cell.startswith("-") and columns[n].endswith(">") else "" for n, cell in enumerate(cells)]
        table.add_row(*[Text(cell, style=style) for cell, style in zip(cells, styles, strict=True)])
    if table.row_count:
        out.print(table)
    else:
        out.print(empty)


def say(text: str, *, stderr: bool = False) -> None:
    """One line for people."""
    print(shown(text), file=sys.stderr if stderr else sys.stdout, flush=True)


def write_json(value: Any) -> None:
    """One JSON value on one line."""
    _write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def write_items(items: Iterable[Item]) -> None:
    """One JSON array, an item a line, written as the items come."""
    between = b"[\n"
    for item in items:
        _write(between + orjson.dumps(item))
        between = b",\n"
    _write(b"[]\n" if between == b"[\n" else b"\n]\n")


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
