"""`finshift demo`: the sample household, made once, told every time, and gone with `finshift demo remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from api.cli.desk import asked, book_of, catch_up, confirm, framing, parts_of
from api.cli.options import Json, Yes
from api.cli.telling import say, styled, write_items
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.items import Item
    from api.parts import Parts
    from domain.book import BookId

app = typer.Typer(help="Make, tell or remove the sample household.", invoke_without_command=True)


@app.callback()
def demo(ctx: typer.Context, as_json: Json = False) -> None:
    """Make the sample household, in the books demo (BRL) and demo-usd (USD), and tell its month."""
    if ctx.invoked_subcommand is not None:
        return
    with parts_of(ctx) as parts:
        items = make(parts)
    if as_json:
        write_items(items)
        return
    for item in items:
        tell(item)
    say("Look around: finshift balances --book demo. Remove it: finshift demo remove")


@app.command("remove")
def remove(ctx: typer.Context, yes: Yes = False, as_json: Json = False) -> None:
    """Erase both books of the sample household; your own books stay as they are."""
    from api.items import answer_item
    from commands.books import erase_book
    from commands.sample import LIVES

    items = []
    with parts_of(ctx) as parts:
        standing = [(life.book, book) for life in LIVES if (book := _standing(parts, life.book)) is not None]
        if standing and not yes:
            confirm(f"Erase the sample books {' and '.join(name for name, _ in standing)}?")
        for _, book in standing:
            items.append(answer_item(erase_book(parts.bus, asked(parts), book).result()))
        catch_up(parts)
    if as_json:
        write_items(items)
    elif standing:
        say(f"Erased {' and '.join(name for name, _ in standing)}.")
    else:
        say("There is no sample household.")


def make(parts: Parts) -> list[Item]:
    """The sample books, made where they are missing: each book's item, whether it is new, and its month."""
    from api.figures import month_item
    from api.items import book_item
    from commands.sample import LIVES, create
    from projections import cash_flow, net_worth

    missing = [life for life in LIVES if _standing(parts, life.book) is None]
    for answer in [create(parts.bus, parts.ids, parts.clock, asked(parts), life) for life in missing]:
        answer.result()
    items = []
    for life in LIVES:
        names = [net_worth.NAME, cash_flow.NAME]
        with framing(parts, book_of(parts, life.book), names) as (connection, frame):
            made = {"made": life in missing}
            items.append({**book_item(frame.row), **made, **month_item(connection, frame)})
    return items


def tell(item: Item) -> None:
    """A book's month in one line."""
    worth = item["net_worth"]
    now = "nothing yet" if worth is None else f"{styled(worth['amount'], worth['commodity'])} {worth['commodity']}"
    verb = "Made" if item["made"] else "Here is"
    say(f"{verb} {item['name']}: net worth {now}; {item['month']}: in {_sums(item['in'])}, out {_sums(item['out'])}.")


def _standing(parts: Parts, name: str) -> BookId | None:
    try:
        return book_of(parts, name)
    except Rejected as refused:
        if refused.code == "book_unknown":
            return None
        raise


def _sums(items: list[Item]) -> str:
    told = [f"{styled(item['amount'], item['commodity'])} {item['commodity']}" for item in items]
    return " and ".join(told) if told else "nothing"
