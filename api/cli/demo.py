"""`finshift demo`: the sample household, made once, told every time, and gone with `finshift demo remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from api.cli.desk import asked, catch_up, confirm, framing, parts_of
from api.cli.options import Json, Yes
from api.cli.telling import say, styled, write_items

if TYPE_CHECKING:
    from api.items import Item
    from api.parts import Parts

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
    say(f"Look around: finshift balances --book {items[0]['name']}. Remove it: finshift demo remove")


@app.command("remove")
def remove(ctx: typer.Context, yes: Yes = False, as_json: Json = False) -> None:
    """Erase the books of the sample household; your own books stay as they are, whatever their names."""
    from api.items import answer_item
    from commands.sample import name_of, remove_samples, samples

    with parts_of(ctx) as parts:
        names = [name_of(parts.bus, book) for book in samples(parts.store, parts.keys)]
        if names and not yes:
            confirm(f"Erase the sample books {' and '.join(names)}?")
        erased = remove_samples(parts.bus, parts.store, parts.keys, lambda: asked(parts))
        catch_up(parts)
    if as_json:
        write_items([answer_item(answer) for answer in erased.values()])
    elif erased:
        say(f"Erased {' and '.join(erased)}.")
    else:
        say("There is no sample household.")


def make(parts: Parts) -> list[Item]:
    """The sample books, made where they are missing: each book's item, whether it is new, and its month."""
    from api.figures import month_item
    from api.items import book_item
    from commands.sample import LIVES, make_samples
    from projections import cash_flow, imports, net_worth, register

    found = make_samples(parts.bus, parts.store, parts.keys, parts.ids, parts.clock, lambda: asked(parts), LIVES)
    names = [net_worth.NAME, cash_flow.NAME, imports.NAME, register.NAME]
    items = []
    for sample in found:
        with framing(parts, sample.book, names) as (connection, frame):
            made = {"made": sample.answer is not None}
            items.append({**book_item(frame.row), **made, **month_item(connection, frame)})
    return items


def tell(item: Item) -> None:
    """A book's month in one line."""
    worth = item["net_worth"]
    now = "nothing yet" if worth is None else f"{styled(worth['amount'], worth['commodity'])} {worth['commodity']}"
    verb = "Made" if item["made"] else "Here is"
    say(f"{verb} {item['name']}: net worth {now}; {item['month']}: in {_sums(item['in'])}, out {_sums(item['out'])}.")


def _sums(items: list[Item]) -> str:
    told = [f"{styled(item['amount'], item['commodity'])} {item['commodity']}" for item in items]
    return " and ".join(told) if told else "nothing"
