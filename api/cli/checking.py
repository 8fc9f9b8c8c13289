"""`finshift verify`: whether a log's hash chain holds, of an exported file or of a stored book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from api.cli.desk import book_of, parts_of
from api.cli.options import Json
from api.cli.telling import say, write_json
from domain.errors import Rejected


def verify(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A log exported as jsonl; it is read alone, no store needed.")
    ] = None,
    book: Annotated[str | None, typer.Option("--book", metavar="BOOK", help="A stored book's name or id.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute a log's hash chain: nothing edited, removed or reordered. Exit code 1 where it is broken."""
    from api.exports.jsonl import check_file, check_stored

    if (file is None) == (book is None):
        raise typer.BadParameter("give either a FILE or --book")
    if file is not None:
        try:
            with file.open("rb") as log:
                checked = check_file(_lines(log))
        except OSError as failed:
            raise Rejected("file_not_readable", file=str(file), reason=failed.strerror or "") from None
    else:
        with parts_of(ctx) as parts:
            meant = book_of(parts, book or "")
            head = parts.store.head(meant)
            if head is None:
                raise Rejected("book_unknown", book=book)
            checked = check_stored(meant, lambda after, limit: parts.store.envelopes(meant, after, limit), head.version)
    if as_json:
        write_json(
            {
                "book": checked.book,
                "events": checked.events,
                "version": checked.version,
                "hash": checked.hash,
                "receipt": checked.receipt,
            }
        )
        return
    say(f"The chain of book {checked.book} holds: {checked.events} events, head {checked.hash}.")
    if not checked.receipt:
        say("The file has no receipt, so an end that was cut off would not show. Compare the head with one you know.")


def _lines(log: BinaryIO) -> Iterator[bytes]:
    """The file's lines, none longer in memory than a line of ours can be."""
    from api.exports.jsonl import MAX_LINE_BYTES

    while line := log.readline(MAX_LINE_BYTES + 1):
        yield line
