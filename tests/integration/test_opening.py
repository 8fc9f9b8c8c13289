"""Opening the house: a store goes on with its own key file, whole, or not at all."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from api.parts import Parts
from commands.ports import StoreUnavailable
from domain.book import BookErased
from infra.bootstrap import open_parts
from infra.keys import KeyFile
from infra.logs import JsonLines
from infra.settings import Settings
from infra.store import SqlEventStore
from infra.store.tables import installation
from tests.stores import HOME, OFFICE, opening, recorded


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two books with an event each."""
    settings = Settings(data_dir=tmp_path / "data")
    with open_parts(settings) as parts:
        for book in (HOME, OFFICE):
            parts.keys.create(book)
            recorded(log_of(parts), book, opening(book))
    return settings


def log_of(parts: Parts) -> SqlEventStore:
    assert isinstance(parts.store, SqlEventStore)
    return parts.store


def refusal(settings: Settings) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as failure, open_parts(settings):
        pass
    return failure.value


def test_a_lost_key_file_is_told_at_every_start_and_none_is_made_in_its_place(settings: Settings) -> None:
    kept = settings.keys_file.read_bytes()
    settings.keys_file.unlink()
    for _ in range(2):
        assert refusal(settings).code == "keys_missing"
        assert not settings.keys_file.exists()
    settings.keys_file.write_bytes(kept)
    with open_parts(settings) as parts:
        assert parts.store.end() == 2


def test_a_store_that_is_away_at_the_start_leaves_no_key_file(settings: Settings) -> None:
    address = SecretStr(f"sqlite+pysqlite:///{settings.data_dir / 'away' / 'events.db'}")
    away = settings.model_copy(update={"store_url": address})
    settings.keys_file.unlink()
    assert refusal(away).code == "store_unreachable"
    assert not settings.keys_file.exists()
    assert refusal(settings).code == "keys_missing"


def test_another_stores_key_file_is_refused(settings: Settings) -> None:
    settings.keys_file.unlink()
    other = KeyFile(settings.keys_file)
    for book in (HOME, OFFICE):
        other.create(book)
    assert refusal(settings).code == "keys_missing"


def test_an_older_key_file_is_told_with_the_number_of_books_it_lacks(settings: Settings) -> None:
    kept = settings.keys_file.read_bytes()
    settings.keys_file.write_bytes(b"".join(kept.splitlines(keepends=True)[:2]))
    failure = refusal(settings)
    assert failure.code == "keys_missing"
    assert "1 of 2 books" in failure.detail


def test_an_older_stores_wrong_keys_are_not_taken_for_its_own(settings: Settings, tmp_path: Path) -> None:
    with open_parts(settings) as parts, log_of(parts).writing.begin() as connection:
        connection.execute(sa.delete(installation))
    shutil.move(settings.keys_file, tmp_path / "kept")
    KeyFile(settings.keys_file)
    assert refusal(settings).code == "keys_missing"
    shutil.move(tmp_path / "kept", settings.keys_file)
    with open_parts(settings) as parts:
        assert parts.store.end() == 2


def test_an_erased_book_needs_no_key(settings: Settings) -> None:
    with open_parts(settings) as parts:
        recorded(log_of(parts), HOME, BookErased())
    for _ in range(2):
        with open_parts(settings) as parts:
            assert list(parts.keys.books()) == [OFFICE]


def test_a_logged_error_tells_types_and_places_and_no_text() -> None:
    try:
        try:
            raise ValueError("Padaria do Zé")
        except ValueError as cause:
            raise KeyError("Quincaillerie") from cause
    except KeyError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    told = orjson.loads(JsonLines().format(record))["traceback"]
    assert "KeyError" in told
    assert "ValueError" in told
    assert "test_opening.py" in told
    assert "Padaria do Zé" not in told.replace('raise ValueError("Padaria do Zé")', "")


def test_a_lost_store_is_told_while_the_read_models_still_tell_of_it(settings: Settings) -> None:
    with open_parts(settings) as parts:
        parts.runner.catch_up()
    for file in settings.data_dir.glob("events.db*"):
        file.unlink()
    assert refusal(settings).code == "store_missing"
    for file in settings.data_dir.glob("read-models.db*"):
        file.unlink()
    with open_parts(settings) as parts:
        assert parts.store.end() == 0


def test_damaged_read_models_are_told_apart_from_a_damaged_store_and_come_back(settings: Settings) -> None:
    with open_parts(settings) as parts:
        parts.runner.catch_up()
    file = settings.data_dir / "read-models.db"
    content = bytearray(file.read_bytes())
    content[:100] = b"not a database at all" * 4 + bytes(16)
    file.write_bytes(content)
    assert refusal(settings).code == "read_models_damaged"
    for left in settings.data_dir.glob("read-models.db*"):
        left.unlink()
    with open_parts(settings) as parts:
        parts.runner.catch_up()
        assert parts.runner.verify("accounts") is None
