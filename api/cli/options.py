"""Options that several commands share, so that the same word means the same everywhere."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer


def day(text: str) -> date:
    """A day as every door writes it."""
    if len(text) == 10:
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise typer.BadParameter("a day is written YYYY-MM-DD")


Book = Annotated[str, typer.Option("--book", metavar="BOOK", help="The book's name or id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
AsOf = Annotated[
    date | None,
    typer.Option("--as-of", metavar="DATE", parser=day, help="At the end of this day; today where left out."),
]
KnownOn = Annotated[
    str | None,
    typer.Option("--known-on", metavar="WHEN", help="As known then: a date, or an instant with its zone."),
]
From = Annotated[date | None, typer.Option("--from", metavar="DATE", parser=day, help="The first day.")]
To = Annotated[date | None, typer.Option("--to", metavar="DATE", parser=day, help="The last day.")]
Account = Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="An account's full name or id.")]
