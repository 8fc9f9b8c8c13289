"""`finshift book`: books are opened, listed and erased."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.desk import asked, book_of, catch_up, composed, confirm, parts_of
from api.cli.options import Json, Yes
from api.cli.telling import print_table, say, write_items, write_json

app = typer.Typer(help="Open, list and erase books.", no_args_is_help=True)


@app.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The book's name; no other book has it.")],
    commodity: Annotated[str, typer.Option("--commodity", help="The ISO 4217 currency its figures are told in.")],
    time_zone: Annotated[str, typer.Option("--time-zone", help="The IANA zone whose days are the book's.")] = "UTC",
    as_json: Json = False,
) -> None:
    """Open a book."""
    from api.items import answer_item
    from commands.books import open_book

    with parts_of(ctx) as parts:
        opening = open_book(parts.bus, parts.ids, asked(parts), composed(name), commodity, time_zone)
        item = answer_item(opening.result())
    if as_json:
        write_json(item)
    else:
        say(f"Opened the book {name} ({item['book']}). Next: finshift import FILE --book {name}")


@app.command("list")
def list_books(ctx: typer.Context, as_json: Json = False) -> None:
    """List all books."""
    from api.items import book_item
    from projections import accounts

    with parts_of(ctx) as parts:
        catch_up(parts)
        with parts.read() as connection:
            items = sorted([book_item(row) for row in accounts.books(connection)], key=lambda item: str(item["name"]))
    if as_json:
        write_items(items)
        return
    rows = [(item["name"], item["commodity"], item["time_zone"], item["book"]) for item in items]
    print_table(
        ["Book", "Currency", "Time zone", "Id"], rows, empty="No book yet: finshift book create NAME --commodity BRL"
    )


@app.command("erase")
def erase(
    ctx: typer.Context,
    book: Annotated[str, typer.Argument(help="The book's name or id.")],
    reason: Annotated[str, typer.Option("--reason", help="Kept with the erasure, as unreadable as the rest.")] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a book for ever: its key is destroyed, so that no name, payee or memo can be read again."""
    from api.items import answer_item
    from commands.books import erase_book

    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        if not yes:
            confirm(f"Erase the book {book} for ever? Nobody can undo this.")
        item = answer_item(erase_book(parts.bus, asked(parts), meant, reason).result())
        catch_up(parts)
    if as_json:
        write_json(item)
    else:
        say(f"Erased the book {book}. Its sums and dates can still be verified; no name in it can be read again.")
