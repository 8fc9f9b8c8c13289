"""Backups on the settings' store: the port `Backups` of the command line.

Whoever makes one says where the keys go. Without them a backup is chain, sums and dates, and nothing that a person
wrote: so there is no default that leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from commands.ports import Clock
from domain.errors import Rejected
from infra.backups.creating import as_copied, copy_store
from infra.backups.files import check_free, content_of, opened, written
from infra.backups.restoring import Target, check_keys, restore
from infra.backups.sealing import MIN_PASSPHRASE_CHARS, unseal
from infra.clock import FixedClock, SystemClock, TimeOrderedIds
from infra.keys import KeyCopy, KeyFile, KeysUnreadable, copy_of
from infra.read_models import ReadModels, open_read_models
from infra.settings import Settings
from infra.store import SqlEventStore
from projections import READ_MODELS
from streams.backup import blocks
from streams.backup.content import BESIDE, INSIDE, LEFT_OUT, Contents, Report, open_contents, to_json
from streams.backup.digests import Progress, fresh_digests
from streams.contract import instant_text

MAX_KEY_FILE_BYTES = 64 * 1024 * 1024
"""Half a million books."""


class Backups:
    """Makes, checks and restores backups. Opens nothing before it is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def create(self, path: Path, passphrase: str | None, keys_path: Path | None, told: Progress) -> Report:
        """Write a backup; the keys go into it under a passphrase, or into a second file, or nowhere."""
        check_free(path)
        if keys_path is not None:
            check_free(keys_path)
        if passphrase is not None and len(passphrase) < MIN_PASSPHRASE_CHARS:
            raise Rejected("passphrase_too_short", limit=MIN_PASSPHRASE_CHARS)
        where = INSIDE if passphrase is not None else BESIDE if keys_path is not None else LEFT_OUT
        with self._store() as (store, keys), ExitStack() as files:
            made_at = instant_text(self._clock().now())
            file = files.enter_context(written(path))
            writer, header, _, footer, copied = copy_store(store, keys, file, made_at, where, passphrase, told)
            database = ReadModels(self._settings.read_address)
            files.callback(database.close)
            with database.scratch() as aside:
                figures = fresh_digests(as_copied(store, copied), aside, READ_MODELS, header.end, told)
            writer.write(blocks.FOOTER, to_json(replace(footer, read_models=figures)))
            if keys_path is not None:
                # Before the backup has its name: a backup whose keys could not be written is none.
                files.enter_context(written(keys_path)).write(copied.content())
        return Report(made_at, header.end, footer.streams, where, writer.receipt.hex(), writer.size_bytes)

    def verify(self, path: Path, passphrase: str | None, keys_path: Path | None, told: Progress) -> Report:
        """Read a backup whole, with its keys where what opens them is given; no store is needed."""
        with opened(path) as file:
            contents = open_contents(file)
            for _ in contents.parts():
                told(contents.chains.events, contents.header.end)
            brought = _brought(contents, passphrase, keys_path)
            if brought is not None:
                check_keys(brought, contents.header.proof, contents.chains)
            return _report(contents, file)

    def restore(self, path: Path, passphrase: str | None, keys_path: Path | None, told: Progress) -> Report:
        """Fill an empty store from a backup."""
        with opened(path) as file, self._target() as target:
            contents = open_contents(file)
            if passphrase is None and keys_path is None and not target.keys_path.exists():
                raise Rejected("backup_keys_needed")
            uncompared = restore(contents, lambda read: _brought(read, passphrase, keys_path), target, told)
            return _report(contents, file, uncompared)

    def needs_passphrase(self, path: Path) -> bool:
        """Whether the keys are in the file; only its header is read."""
        with opened(path) as file:
            return open_contents(file).header.keys == INSIDE

    # What the settings name

    def _clock(self) -> Clock:
        return FixedClock(self._settings.now) if self._settings.now is not None else SystemClock()

    @contextmanager
    def _store(self) -> Iterator[tuple[SqlEventStore, KeyFile]]:
        """The store that is in use, with its keys; `backup_nothing_there` where it has no event."""
        from infra.bootstrap import fit_keys

        self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = KeyFile(self._settings.keys_file, make=False)
        store = SqlEventStore(self._settings.store_address, keys, self._clock(), TimeOrderedIds())
        try:
            if not store.end():
                raise Rejected("backup_nothing_there")
            fit_keys(store, keys, self._settings.keys_file)
            yield store, keys
        finally:
            store.close()

    @contextmanager
    def _target(self) -> Iterator[Target]:
        self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = KeyFile(self._settings.keys_file, make=False)
        store = SqlEventStore(self._settings.store_address, keys, self._clock(), TimeOrderedIds())
        with ExitStack() as open_:
            open_.callback(store.close)
            read_models = open_read_models(self._settings.read_address, READ_MODELS)
            open_.callback(read_models.close)
            yield Target(store, keys, self._settings.keys_file, read_models)


def _brought(contents: Contents, passphrase: str | None, keys_path: Path | None) -> KeyCopy | None:
    """The keys that come with a backup that was read; None where nothing was given to open them."""
    try:
        if keys_path is not None:
            return copy_of(content_of(keys_path, MAX_KEY_FILE_BYTES), str(keys_path))
        if passphrase is None:
            return None
        if contents.keys is None:
            raise Rejected("backup_has_no_keys")
        return copy_of(unseal(contents.keys, passphrase, to_json(contents.header)), "the backup's key file")
    except (KeysUnreadable, ValueError) as error:
        raise Rejected("backup_keys_damaged") from error


def _report(contents: Contents, file: BinaryIO, uncompared: tuple[str, ...] = ()) -> Report:
    header, chains = contents.header, contents.chains
    size_bytes = file.tell()
    return Report(
        header.made_at, header.end, len(chains.heads), header.keys, contents.receipt.hex(), size_bytes, uncompared
    )
