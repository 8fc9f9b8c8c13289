"""`finshift projections`: what the read models hold, made anew, checked, and let go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import book_of, catch_up, parts_of, progress
from api.cli.options import Book, Json
from api.cli.telling import print_table, say, write_items, write_json
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.items import Item
    from streams.runner import ProjectionStatus

app = typer.Typer(help="List, rebuild, verify and release the read models.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Read models; all where none is named.")]


@app.command("list")
def list_projections(ctx: typer.Context, as_json: Json = False) -> None:
    """How far every read model is, and which books it has put aside."""
    with parts_of(ctx) as parts:
        items = [_item(status) for status in parts.runner.status()]
    if as_json:
        write_items(items)
        return
    rows = [(item["name"], item["version"], item["position"], item["lag"], len(item["parked"])) for item in items]
    print_table(["Read model", "Version>", "Position>", "Behind>", "Parked books>"], rows, empty="There is none.")
    for item in items:
        for parked in item["parked"]:
            say(f"{item['name']} parked {parked['book']} behind version {parked['version']}: {parked['reason']}")


@app.command("rebuild")
def rebuild(ctx: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Fold read models anew from the log's beginning."""
    with parts_of(ctx) as parts:
        for name in _known(names, [status.name for status in parts.runner.status()]):
            with progress(f"Rebuilding {name}") as told:
                parts.runner.rebuild(name, told)
            if not as_json:
                say(f"Rebuilt {name}.")
        items = [_item(status) for status in parts.runner.status()]
    if as_json:
        write_items([item for item in items if not names or item["name"] in names])


@app.command("verify")
def verify(ctx: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Compare read models with a fresh fold of the log; `projection_differs` names the first difference."""
    from api.items import plain

    with parts_of(ctx) as parts:
        catch_up(parts)
        checked = _known(names, [status.name for status in parts.runner.status()])
        for name in checked:
            difference = parts.runner.verify(name)
            if difference is not None:
                raise Rejected("projection_differs", projection=name, difference=plain(difference))
            if not as_json:
                say(f"{name} equals a fresh fold of the log.")
    if as_json:
        write_items([{"name": name, "equal": True} for name in checked])


@app.command("release")
def release(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The read model.")],
    book: Book,
    as_json: Json = False,
) -> None:
    """Let a read model go on with a book that it has put aside, once its cause is mended."""
    with parts_of(ctx) as parts:
        meant = book_of(parts, book)
        head = parts.runner.release(name, meant)
        if head.parked is not None:
            raise Rejected("projection_parked", projection=name, book=meant, version=head.version, reason=head.parked)
    if as_json:
        write_json({"name": name, "book": meant, "version": head.version})
    else:
        say(f"{name} has caught up with the book, to version {head.version}.")


def _item(status: ProjectionStatus) -> Item:
    return {
        "name": status.name,
        "version": status.version,
        "position": status.position,
        "lag": status.lag,
        "lag_s": round(status.lag_s, 3),
        "parked": [{"book": book, "version": version, "reason": reason} for book, version, reason in status.parked],
    }


def _known(names: list[str] | None, all_names: list[str]) -> list[str]:
    """The names asked for, all of them known before any is worked on."""
    for name in names or []:
        if name not in all_names:
            raise Rejected("projection_unknown", projection=name, known=", ".join(sorted(all_names)))
    return names or all_names
