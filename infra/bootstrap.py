"""The composition root: the one place that knows every part, and builds them from the settings.

`main` is the console script. It hands the parts to `api.cli`, which never sees how they are made.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the program's start does not wait for what a command may not need
    from pathlib import Path

    from api.parts import Parts, Role
    from infra.backups import Backups
    from infra.documents.lake import Lake
    from infra.keys import KeyFile
    from infra.read_models import ReadModels
    from infra.settings import Settings
    from infra.stack.local import LocalStack
    from infra.store import SqlEventStore
    from streams.alerts.worker import AlertsWorker
    from streams.relay import Relay


@contextmanager
def open_parts(settings: Settings) -> Iterator[Parts]:
    """Everything a door may use, on what the settings name; closed in the reverse order, finishing what was taken."""
    from api.parts import Parts
    from commands.bus import CommandBus
    from commands.imports import ImportService
    from commands.ports import StoreUnavailable
    from commands.rules import RuleService
    from infra.clock import FixedClock, SystemClock, TimeOrderedIds
    from infra.keys import KeyFile
    from infra.pending import SqlPendingImports
    from infra.profiles import Formats
    from infra.read_models import open_read_models
    from infra.snapshots import SqlSnapshots
    from infra.store import SqlEventStore
    from infra.words import RegisterWords
    from projections import READ_MODELS
    from streams.heads import positions
    from streams.runner import ProjectionRunner

    with ExitStack() as opened:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = KeyFile(settings.keys_file, make=False)
        clock = FixedClock(settings.now) if settings.now is not None else SystemClock()
        ids = TimeOrderedIds()
        store = SqlEventStore(settings.store_address, keys, clock, ids)
        opened.callback(store.close)
        fit_keys(store, keys, settings.keys_file)
        read_models = open_read_models(settings.read_address, READ_MODELS)
        opened.callback(read_models.close)
        if not store.end():
            with read_models.read() as connection:
                if any(position for lanes in positions(connection).values() for position in lanes.values()):
                    raise StoreUnavailable("store_missing", "the read models tell of a store, and this one is empty")
        runner = ProjectionRunner(store, read_models, READ_MODELS)
        opened.callback(runner.close)
        snapshots = SqlSnapshots(store.writing, store.reading, keys)
        bus = CommandBus(store, keys, snapshots)
        opened.callback(bus.close)
        words = RegisterWords(runner, read_models.read)
        pending = SqlPendingImports(store.writing, store.reading)
        imports = ImportService(bus, store, keys, ids, clock, pending, words, Formats(settings.profiles_dir))
        yield Parts(
            bus=bus,
            store=store,
            keys=keys,
            ids=ids,
            clock=clock,
            runner=runner,
            read=read_models.read,
            imports=imports,
            rules=RuleService(bus, store, ids, words),
            roles=_Roles(settings, store, keys, read_models),
            program=PROGRAM,
            principal=LOCAL_OWNER,
            settings=settings,
        )


class _Roles:
    """The processes behind the API, over parts that are open."""

    def __init__(self, settings: Settings, store: SqlEventStore, keys: KeyFile, read_models: ReadModels) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys
        self._read_models = read_models

    def relay(self) -> AbstractContextManager[Relay]:
        from infra.roles import open_relay

        return open_relay(self._settings, self._store)

    @contextmanager
    def projector(self, names: Sequence[str]) -> Iterator[Role]:
        from api.parts import Together
        from projections import READ_MODELS, budgets
        from streams.runner import ProjectionRunner
        from streams.sources import Source, StoreSource

        chosen = [model for model in READ_MODELS if not names or model.NAME in names]
        source: Source = StoreSource(self._store)
        servers = self._settings.kafka_servers
        if servers is not None:
            from infra.kafka.source import KafkaSource

            group = "+".join([f"{self._settings.kafka_prefix}.projections", *sorted(names)])
            source = KafkaSource(servers, f"{self._settings.kafka_prefix}.events", group, self._keys)
        runner = ProjectionRunner(self._store, self._read_models, chosen, source)
        role: Role = runner
        if servers is not None and budgets in chosen:
            from infra.roles_alerts import alert_publisher

            role = Together(runner, alert_publisher(self._settings, self._read_models))
        try:
            yield role
        finally:
            runner.close()
            source.close()

    def lake(self) -> Lake:
        from domain.errors import Rejected
        from infra.documents.lake import Lake

        servers, documents = self._settings.kafka_servers, self._settings.documents_url
        if servers is None:
            raise Rejected("kafka_missing")
        if documents is None:
            raise Rejected("documents_missing")
        return Lake(servers, f"{self._settings.kafka_prefix}.events", documents.get_secret_value())

    def alerts(self) -> AbstractContextManager[AlertsWorker]:
        from infra.roles_alerts import open_alerts

        return open_alerts(self._settings, self._store, self._keys)


def fit_keys(store: SqlEventStore, keys: KeyFile, path: Path) -> None:
    """Go on only with the key file that the store's events were sealed with, whole; a new store gets a new one.

    A missing key would otherwise read as an erasure. The store learns whose it is last, when nothing speaks against it.
    """
    from commands.books import finish_erasures
    from commands.ports import StoreUnavailable
    from infra.store import RESTORING

    proof = store.proof()
    if proof == RESTORING:
        raise StoreUnavailable("restore_unfinished", "a restore into this store was begun and did not end")
    if keys.proof() is None:
        if proof is not None or store.end():
            raise StoreUnavailable("keys_missing", f"the keys of the store are not at {path}")
        keys.make()
    if proof is not None and proof != keys.proof():
        raise StoreUnavailable("keys_missing", f"the keys at {path} are those of another store")
    finish_erasures(store, keys)
    mine = keys.proof()
    if proof is None and mine is not None:
        store.belong(mine)
        if store.proof() != mine:  # another program was faster, with keys of its own
            raise StoreUnavailable("keys_missing", f"the keys at {path} are those of another store")


GC_AFTER_OBJECTS = 50_000
"""Reading a large file or log makes millions of objects and no cycles: looking for those at the interpreter's default
of 700 takes a quarter to a third of the time."""

PROGRAM = (sys.executable, "-m", "infra.bootstrap")
"""This program, by the interpreter that runs it."""

LOCAL_OWNER = "local"
"""Who asks in `local` mode: the one person who may reach the loopback address, or the files."""


def main() -> None:
    """The console script `finshift`."""
    gc.set_threshold(GC_AFTER_OBJECTS, 20, 50)
    from api.cli import main as run_cli

    sys.exit(run_cli(_parts, _backups, _stack))


def _backups() -> Backups:
    from infra.backups import Backups
    from infra.logs import set_up_logs
    from infra.settings import Settings

    settings = Settings()
    set_up_logs(settings.log_level or "WARNING")
    return Backups(settings)


def _stack() -> LocalStack:
    from infra.settings import Settings
    from infra.stack.local import LocalStack

    return LocalStack(Settings().data_dir / "stack")


@contextmanager
def _parts(log_level: str) -> Iterator[Parts]:
    from infra.logs import set_up_logs
    from infra.settings import Settings

    settings = Settings()
    set_up_logs(settings.log_level or log_level)
    with open_parts(settings) as parts:
        yield parts


if __name__ == "__main__":
    main()
