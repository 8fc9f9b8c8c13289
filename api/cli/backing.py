"""`finshift backup`: one file that holds everything, made, checked and brought back.

Without its keys a backup is dates and sums: so making one asks where they go, and nothing answers for the person.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.desk import backups_of, progress
from api.cli.options import Json
from api.cli.telling import say, write_json
from domain.errors import Rejected

if TYPE_CHECKING:
    from streams.backup.content import Report

app = typer.Typer(help="Make, verify and restore backups.", no_args_is_help=True)

MAX_PASSPHRASE_BYTES = 4_096
"""What is read of a passphrase file; its first line counts."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="PATH", help="A file whose first line is the passphrase."),
]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="PATH", help="The keys, as `--keys-to` wrote them, or the key file itself."),
]


@app.command("create")
def create(
    ctx: typer.Context,
    file: File,
    passphrase_file: PassphraseFile = None,
    keys_to: Annotated[
        Path | None,
        typer.Option("--keys-to", metavar="PATH", help="Write the keys to a second file, open to whoever has it."),
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the keys out: the key file is kept elsewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write all books to one file, while they may be written to. The keys go into it under a passphrase."""
    if sum((passphrase_file is not None, keys_to is not None, without_keys)) > 1:
        raise typer.BadParameter("the keys go to one place: --passphrase-file, --keys-to or --without-keys")
    passphrase = None if passphrase_file is None else _from_file(passphrase_file)
    if passphrase is None and keys_to is None and not without_keys:
        if not sys.stdin.isatty():
            raise Rejected("backup_keys_choice_needed")
        passphrase = typer.prompt("Passphrase for the keys", hide_input=True, confirmation_prompt=True, err=True)
    with progress("Backing up") as told:
        report = backups_of(ctx).create(file, passphrase, keys_to, told)
    if as_json:
        write_json(_item(report))
        return
    say(f"Wrote {file}: {report.end} events of {report.streams} books ({report.size_bytes} bytes).")
    say(f"Its receipt: {report.receipt}")
    if keys_to is not None:
        say(f"Its keys are in {keys_to}: keep both, and apart. Without the keys nothing that people wrote can be read.")
    elif without_keys:
        say("It has no keys. Without the key file nothing that people wrote can be read: keep a copy of that too.")
    else:
        say("Its keys open with your passphrase alone. Nobody can replace it: keep it apart from the backup.")


@app.command("verify")
def verify(
    ctx: typer.Context, file: File, passphrase_file: PassphraseFile = None, keys: Keys = None, as_json: Json = False
) -> None:
    """Read a backup whole and recompute its hash chains; with its keys given, that they are the ones."""
    passphrase = _given(passphrase_file, keys)
    with progress("Verifying") as told:
        report = backups_of(ctx).verify(file, passphrase, keys, told)
    tried = passphrase is not None or keys is not None
    if as_json:
        write_json(_item(report) | {"keys_tried": tried})
        return
    say(f"{file} is whole: {report.end} events of {report.streams} books, made at {report.made_at}.")
    say(f"Its receipt: {report.receipt}")
    say("Its keys fit." if tried else f"Its keys ({report.keys.replace('_', ' ')}) were not tried.")


@app.command("restore")
def restore(
    ctx: typer.Context, file: File, passphrase_file: PassphraseFile = None, keys: Keys = None, as_json: Json = False
) -> None:
    """Bring a backup back into an empty store, and check it before it may be used. End the server first."""
    backups = backups_of(ctx)
    passphrase = _given(passphrase_file, keys)
    if passphrase is None and keys is None and sys.stdin.isatty() and backups.needs_passphrase(file):
        passphrase = typer.prompt("Passphrase of the keys", hide_input=True, err=True)
    with progress("Restoring") as told:
        report = backups.restore(file, passphrase, keys, told)
    if as_json:
        write_json(_item(report))
        return
    say(f"Restored {report.end} events of {report.streams} books, and found them as they were at {report.made_at}.")
    if report.uncompared:
        say(f"Not compared, for this release has others: {', '.join(report.uncompared)}.")


def _given(passphrase_file: Path | None, keys: Path | None) -> str | None:
    if passphrase_file is not None and keys is not None:
        raise typer.BadParameter("give either --passphrase-file or --keys")
    return None if passphrase_file is None else _from_file(passphrase_file)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_PASSPHRASE_BYTES)
        return first.decode().rstrip("\r\n")
    except OSError as failed:
        raise Rejected("file_not_readable", file=str(path), reason=failed.strerror or "") from None
    except UnicodeDecodeError:
        raise Rejected("file_not_readable", file=str(path), reason="it is not UTF-8") from None


def _item(report: Report) -> dict[str, object]:
    return {
        "made_at": report.made_at,
        "events": report.end,
        "streams": report.streams,
        "keys": report.keys,
        "receipt": report.receipt,
        "bytes": report.size_bytes,
        "uncompared": list(report.uncompared),
    }
