"""`finshift export`: a book written to a file or to standard output, as it is read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import book_of, framing, parts_of
from api.cli.options import Book, Json, KnownOn
from api.cli.telling import say, write_json
from domain.errors import Rejected

if TYPE_CHECKING:
    from api.parts import Parts

FORMATS = ("beancount", "hledger", "csv", "jsonl")


def _format(text: str) -> str:
    if text not in FORMATS:
        raise typer.BadParameter(f"it is one of {', '.join(FORMATS)}")
    return text


def export(
    ctx: typer.Context,
    book: Book,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            parser=_format,
            help="beancount, hledger, csv (a row a posting; cells that a spreadsheet would run get an apostrophe), or "
            "jsonl (the event log as stored, with a receipt).",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; standard output where left out.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file where there is one of that name.")
    ] = False,
    known_on: KnownOn = None,
    as_json: Json = False,
) -> None:
    """Write a book down for another program, or its event log for an auditor."""
    with parts_of(ctx) as parts:
        if output is None:
            for chunk in _chunks(parts, book, format, known_on):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        _check_target(output, overwrite=overwrite)
        size_bytes = _write_file(output, _chunks(parts, book, format, known_on))
    if as_json:
        write_json({"format": format, "output": str(output), "bytes": size_bytes})
    else:
        say(f"Wrote {output} ({size_bytes} bytes).")


def _chunks(parts: Parts, book: str, format: str, known_on: str | None) -> Iterator[bytes]:
    from api.exports import WRITERS, Format, content_of, jsonl
    from projections import net_worth, register

    meant = book_of(parts, book)
    if format == Format.JSONL:
        if known_on is not None:
            raise Rejected("export_is_whole", format=format)
        head = parts.store.head(meant)
        if head is None:
            raise Rejected("book_unknown", book=book)
        yield from jsonl.lines(meant, lambda after, limit: parts.store.envelopes(meant, after, limit), head.version)
        return
    with framing(parts, meant, [register.NAME, net_worth.NAME], None, known_on) as (connection, frame):
        for text in WRITERS[Format(format)](content_of(connection, frame)):
            yield text.encode()


def _check_target(output: Path, *, overwrite: bool) -> None:
    """Refuse what stands: a slip of the keyboard is not to replace a ledger, and a device is never replaced."""
    if output.is_symlink() or (output.exists() and not (overwrite and output.is_file())):
        raise Rejected("file_exists", file=str(output))


def _write_file(output: Path, chunks: Iterable[bytes]) -> int:
    """Write a file whole or not at all, for its owner alone: it says all there is to say of a household."""
    size_bytes = 0
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as failed:
        raise _not_written(output, failed) from None
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                try:
                    file.write(chunk)
                except OSError as failed:
                    raise _not_written(output, failed) from None
                size_bytes += len(chunk)
            try:
                file.flush()
                os.fsync(file.fileno())
                made.replace(output)
            except OSError as failed:
                raise _not_written(output, failed) from None
    finally:
        made.unlink(missing_ok=True)
    return size_bytes


def _not_written(output: Path, failed: OSError) -> Rejected:
    return Rejected("file_not_writable", file=str(output), reason=failed.strerror or "")
