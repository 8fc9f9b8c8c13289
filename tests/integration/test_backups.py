"""Backups: what is brought back is what was there, on either store; what is not whole is never brought back."""

from __future__ import annotations

import io
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from api.parts import Parts
from commands.answers import Answer
from commands.books import erase_book, open_book
from commands.ports import StoreUnavailable
from domain.book import BookId
from domain.errors import Rejected
from domain.ledger import AccountId, OpenAccount, Posting, RecordTransaction, TransactionId
from domain.money import Amount, commodity
from infra.backups import Backups
from infra.backups.creating import copy_store
from infra.bootstrap import open_parts
from infra.keys import KeyCopy, KeyFile
from infra.settings import Settings
from infra.store import RESTORING, SqlEventStore
from infra.store.tables import events, idempotency, installation, reservations
from projections import READ_MODELS, balances
from streams.backup import blocks
from streams.backup.blocks import BlockWriter, read_blocks
from streams.backup.content import LEFT_OUT, open_contents, pack_events, unpack_events
from tests.given import on
from tests.house import asking, key

BRL = commodity("BRL", 2)
PASSPHRASE = "four or five plain words"
WAIT_S = 60.0


def nothing_told(done: int, of: int) -> None: ...


@pytest.fixture
def a_place(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Settings]:
    """A factory of empty installations, on SQLite or on PostgreSQL."""

    def made(kind: str) -> Settings:
        folder = tmp_path / f"place-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        if kind == "sqlite":
            return Settings(data_dir=folder)
        fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
        return Settings(data_dir=folder, store_url=SecretStr(fresh()), read_url=SecretStr(fresh()))

    return made


def live(parts: Parts, name: str, count: int) -> tuple[BookId, AccountId]:
    """A book with a few months of coffee in it; every transaction by a key of its own."""
    checking, food = AccountId(parts.ids.new()), AccountId(parts.ids.new())
    book = result(
        open_book(
            parts.bus,
            parts.ids,
            asking(key(f"open {name}")),
            name,
            "BRL",
            "America/Sao_Paulo",
            [OpenAccount(checking, "Assets:Checking"), OpenAccount(food, "Expenses:Food")],
        )
    ).book
    drink(parts, book, checking, food, range(count))
    return book, checking


def drink(parts: Parts, book: BookId, checking: AccountId, food: AccountId, numbers: range) -> None:
    for number in numbers:
        amount = Amount(500 + number, BRL)
        drunk = RecordTransaction(
            TransactionId(parts.ids.new()),
            on(f"2026-0{1 + number % 9}-1{number % 10}"),
            (Posting(food, amount), Posting(checking, -amount)),
            payee="Café do Zé ☕",
            memo=f"coffee {number}",
        )
        result(parts.bus.submit(book, [drunk], asking(key(f"coffee {book} {number}"))))


def result(answer: Future[Answer]) -> Answer:
    return answer.result(WAIT_S)


@contextmanager
def household(settings: Settings, count: int = 30) -> Iterator[tuple[Parts, BookId]]:
    """Three books, one of which was erased."""
    with open_parts(settings) as parts:
        home, _ = live(parts, "Home", count)
        live(parts, "Office", 5)
        gone, _ = live(parts, "Gone", 3)
        result(erase_book(parts.bus, asking(), gone, "moved out"))
        yield parts, home


def all_rows(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """The store's rows that a backup keeps."""
    engine = sa.create_engine(settings.store_address)
    try:
        with engine.connect() as connection:
            return {
                table.name: [
                    tuple(bytes(value) if isinstance(value, memoryview | bytes) else value for value in row)
                    for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
                ]
                for table in (events, idempotency, reservations, installation)
            }
    finally:
        engine.dispose()


def read_rows(settings: Settings) -> dict[str, list[str]]:
    engine = sa.create_engine(settings.read_address)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
                for model in READ_MODELS
                for table in model.metadata.sorted_tables
            }
    finally:
        engine.dispose()


def refused(code: str) -> pytest.RaisesExc[Rejected]:
    return pytest.raises(Rejected, check=lambda rejected: rejected.code == code)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A household on SQLite and its backup, with the keys inside: made once, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    settings = Settings(data_dir=folder / "data")
    with household(settings) as (parts, _):
        parts.runner.catch_up()
    Backups(settings).create(folder / "backup", PASSPHRASE, None, nothing_told)
    return settings, folder / "backup"


@pytest.fixture
def backed_up(made: tuple[Settings, Path], tmp_path: Path) -> tuple[Settings, Path]:
    """The same for one test alone, to do with as it likes."""
    settings, path = made
    shutil.copytree(settings.data_dir, tmp_path / "data")
    shutil.copy(path, tmp_path / "backup")
    return Settings(data_dir=tmp_path / "data"), tmp_path / "backup"


# There and back


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
@pytest.mark.parametrize("here", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was_backed_up_on_either_store(
    a_place: Callable[[str], Settings], tmp_path: Path, here: str, there: str
) -> None:
    source, target, path = a_place(here), a_place(there), tmp_path / "backup"
    with household(source) as (parts, home):
        parts.runner.catch_up()
    made = Backups(source).create(path, PASSPHRASE, None, nothing_told)
    restored = Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    assert (restored.receipt, restored.end, restored.size_bytes) == (made.receipt, made.end, path.stat().st_size)
    assert restored.uncompared == ()
    assert all_rows(target) == all_rows(source)
    assert read_rows(target) == read_rows(source)
    with open_parts(target) as parts:
        assert parts.store.heads().keys() >= {home}
        head = parts.store.head(home)
        assert head is not None
        # The same key answers the same again, a new command goes on where the book stood, and the erased stays erased.
        again = result(parts.bus.submit(home, [OpenAccount(AccountId("x"), "Assets:X")], asking(key("more"))))
        assert again.version == head.version + 1
        assert len(list(parts.keys.books())) == 2
        with parts.read() as connection:
            held = balances.balances(connection, home, on("2026-12-31"))
        assert held


def test_a_backup_is_its_owners_alone_and_takes_no_older_ones_place(backed_up: tuple[Settings, Path]) -> None:
    settings, path = backed_up
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with refused("file_exists"):
        Backups(settings).create(path, PASSPHRASE, None, nothing_told)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_taken_while_others_write_is_of_one_moment(
    a_place: Callable[[str], Settings], tmp_path: Path, kind: str
) -> None:
    source, target, path = a_place(kind), a_place(kind), tmp_path / "backup"
    stop = threading.Event()
    written: list[int] = []
    with household(source, 200) as (parts, _):
        checking, food = AccountId(parts.ids.new()), AccountId(parts.ids.new())
        opening = [OpenAccount(checking, "Assets:Till"), OpenAccount(food, "Expenses:Beans")]
        book = result(open_book(parts.bus, parts.ids, asking(), "Busy", "BRL", "UTC", opening)).book

        def write() -> None:
            number = 0
            while not stop.is_set():
                drink(parts, book, checking, food, range(number, number + 1))
                number += 1
                written.append(number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = Backups(source).create(path, PASSPHRASE, None, nothing_told)
        finally:
            stop.set()
            writer.join(WAIT_S)
        end = parts.store.end()
    assert written
    assert made.end <= end
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    kept, whole = all_rows(target), all_rows(source)
    assert kept["events"] == whole["events"][: made.end]
    assert kept["idempotency"] == [row for row in whole["idempotency"] if int(str(row[-1])) <= made.end]


class Erasing(KeyFile):
    """A key file; a book is erased at the very moment at which it is to be copied."""

    erase: Callable[[], object] | None = None

    def copied(self) -> KeyCopy:
        erase, self.erase = self.erase, None
        if erase is not None:
            erase()
        return super().copied()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_book_erased_while_its_key_is_copied_makes_the_backup_begin_again(
    a_place: Callable[[str], Settings], kind: str
) -> None:
    source = a_place(kind)
    with household(source) as (parts, home):
        assert isinstance(parts.store, SqlEventStore)
        before = parts.store.end()
        keys = Erasing(source.keys_file)
        keys.erase = lambda: result(erase_book(parts.bus, asking(), home))
        file = io.BytesIO()
        _, header, chains, _, copied = copy_store(parts.store, keys, file, "now", LEFT_OUT, None, nothing_told)
        assert header.end == parts.store.end() == before + 1
        assert home in chains.erased
        assert home not in copied.keys
        file.seek(0)
        with refused("backup_cut_off"):  # as the footer is still to come
            for _ in open_contents(file).parts():
                pass


def test_a_book_erased_while_the_figures_are_folded_reads_as_it_did_in_the_backup(
    a_place: Callable[[str], Settings], tmp_path: Path
) -> None:
    source, target, path = a_place("sqlite"), a_place("sqlite"), tmp_path / "backup"
    with household(source) as (parts, home):
        end = parts.store.end()
        was_told: list[int] = []

        def erase_behind_the_log(done: int, of: int) -> None:
            was_told.append(done)
            if was_told == [end]:
                result(erase_book(parts.bus, asking(), home))

        Backups(source).create(path, PASSPHRASE, None, erase_behind_the_log)
        assert was_told == [end, end]
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)


# Keys


def test_the_keys_may_go_into_a_second_file(a_place: Callable[[str], Settings], tmp_path: Path) -> None:
    source, target, path, keys = a_place("sqlite"), a_place("sqlite"), tmp_path / "backup", tmp_path / "keys"
    with household(source):
        pass
    Backups(source).create(path, None, keys, nothing_told)
    assert keys.stat().st_mode & 0o777 == 0o600
    with refused("backup_keys_needed"):
        Backups(target).restore(path, None, None, nothing_told)
    with refused("backup_has_no_keys"):
        Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    Backups(target).restore(path, None, keys, nothing_told)
    assert all_rows(target) == all_rows(source)


def test_a_backup_without_keys_goes_back_to_where_the_key_file_stayed(
    a_place: Callable[[str], Settings], tmp_path: Path
) -> None:
    source, path = a_place("sqlite"), tmp_path / "backup"
    with household(source):
        pass
    rows = all_rows(source)
    Backups(source).create(path, None, None, nothing_told)
    for left in source.data_dir.glob("*.db*"):
        left.unlink()
    Backups(source).restore(path, None, None, nothing_told)
    assert all_rows(source) == rows


def test_nothing_that_people_wrote_stands_in_a_backup(backed_up: tuple[Settings, Path]) -> None:
    settings, path = backed_up
    unpacked = b"".join(block.payload for block in read_blocks(io.BytesIO(path.read_bytes())))
    assert b"Checking" not in unpacked
    assert "Café".encode() not in unpacked
    secret = settings.keys_file.read_bytes().splitlines()[1]
    assert secret[-30:-5] not in unpacked


def test_a_wrong_passphrase_opens_nothing_and_leaves_the_target_empty(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    _, path = backed_up
    target = a_place("sqlite")
    with refused("passphrase_wrong"):
        Backups(target).restore(path, PASSPHRASE + "!", None, nothing_told)
    with refused("passphrase_wrong"):
        Backups(target).verify(path, "quite another passphrase", None, nothing_told)
    assert not target.keys_file.exists()
    assert not any(all_rows(target).values())
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)


def test_a_short_passphrase_is_refused_before_anything_is_written(
    a_place: Callable[[str], Settings], tmp_path: Path
) -> None:
    source = a_place("sqlite")
    with household(source):
        pass
    with refused("passphrase_too_short"):
        Backups(source).create(tmp_path / "backup", "short", None, nothing_told)
    assert not (tmp_path / "backup").exists()


def test_the_keys_of_another_installation_are_refused(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    _, path = backed_up
    other, target = a_place("sqlite"), a_place("sqlite")
    with household(other):
        pass
    with refused("backup_keys_are_others"):
        Backups(target).restore(path, None, other.keys_file, nothing_told)
    assert not any(all_rows(target).values())
    notes = path.with_name("notes")
    notes.write_text("milk, bread")
    with refused("backup_keys_damaged"):
        Backups(target).restore(path, None, notes, nothing_told)


def test_an_older_key_file_brings_no_erased_book_back(a_place: Callable[[str], Settings], tmp_path: Path) -> None:
    source, target, path, older = a_place("sqlite"), a_place("sqlite"), tmp_path / "backup", tmp_path / "older"
    with household(source) as (parts, home):
        older.write_bytes(source.keys_file.read_bytes())
        result(erase_book(parts.bus, asking(), home))
    Backups(source).create(path, PASSPHRASE, None, nothing_told)
    Backups(target).restore(path, None, older, nothing_told)
    assert home not in KeyFile(target.keys_file).books()
    assert home.encode() not in target.keys_file.read_bytes()


def test_a_key_file_from_after_an_erasure_is_not_overruled_by_an_older_backup(
    a_place: Callable[[str], Settings], tmp_path: Path
) -> None:
    source, path = a_place("sqlite"), tmp_path / "backup"
    with household(source) as (parts, home):
        Backups(source).create(path, PASSPHRASE, None, nothing_told)
        result(erase_book(parts.bus, asking(), home))
    for left in source.data_dir.glob("*.db*"):
        left.unlink()
    keys = source.keys_file.read_bytes()
    with refused("restore_keys_in_the_way"):
        Backups(source).restore(path, PASSPHRASE, None, nothing_told)
    assert source.keys_file.read_bytes() == keys
    assert not any(all_rows(source).values())


# Targets


def test_a_store_with_anything_in_it_is_left_as_it_is(backed_up: tuple[Settings, Path]) -> None:
    settings, path = backed_up
    rows, figures = all_rows(settings), read_rows(settings)
    with refused("restore_target_not_empty"):
        Backups(settings).restore(path, PASSPHRASE, None, nothing_told)
    assert (all_rows(settings), read_rows(settings)) == (rows, figures)


def test_read_models_of_another_store_are_in_the_way(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    settings, path = backed_up
    target = a_place("sqlite").model_copy(update={"read_url": SecretStr(settings.read_address)})
    with refused("restore_target_not_empty"):
        Backups(target).restore(path, PASSPHRASE, None, nothing_told)


def test_a_program_that_was_opened_once_and_never_used_is_no_obstacle(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    settings, path = backed_up
    target = a_place("sqlite")
    with open_parts(target):
        pass
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    assert all_rows(target) == all_rows(settings)
    with open_parts(target) as parts:
        assert parts.store.end() > 0


def test_a_restore_that_was_killed_is_refused_to_everyone_and_begins_anew(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    settings, path = backed_up
    target = a_place("sqlite")
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    with sa.create_engine(target.store_address).begin() as connection:  # as a kill before the last step leaves it
        connection.execute(sa.update(installation).values(proof=RESTORING))
    with pytest.raises(StoreUnavailable) as told, open_parts(target):
        pass
    assert told.value.code == "restore_unfinished"
    Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    assert all_rows(target) == all_rows(settings)


def test_an_empty_store_is_not_backed_up(a_place: Callable[[str], Settings], tmp_path: Path) -> None:
    with refused("backup_nothing_there"):
        Backups(a_place("sqlite")).create(tmp_path / "backup", PASSPHRASE, None, nothing_told)
    assert not (tmp_path / "backup").exists()


def test_a_log_that_was_edited_is_told_when_it_is_backed_up(backed_up: tuple[Settings, Path]) -> None:
    settings, path = backed_up
    with sa.create_engine(settings.store_address).begin() as connection:
        connection.execute(sa.update(events).where(events.c.position == 7).values(actor="somebody else"))
    again = path.with_name("again")
    with refused("backup_log_broken"):
        Backups(settings).create(again, PASSPHRASE, None, nothing_told)
    assert not again.exists()
    assert [left.name for left in path.parent.glob(".again*")] == []


# Damage

CODES = {
    "backup_cut_off",
    "backup_damaged",
    "backup_damaged_at_block",
    "backup_differs_from_footer",
    "backup_log_broken",
    "backup_newer",
    "backup_not_one",
}


def rebuilt(content: bytes, change: Callable[[list[tuple[bytes, bytes]]], None]) -> bytes:
    """The file with its blocks changed and every hash made to fit: what somebody does who knows the format."""
    found = [(block.kind, block.payload) for block in read_blocks(io.BytesIO(content))]
    change(found)
    made = io.BytesIO()
    writer = BlockWriter(made)
    for kind, payload in found:
        writer.write(kind, payload)
    return made.getvalue()


def place_of(found: list[tuple[bytes, bytes]], kind: bytes) -> int:
    return [name for name, _ in found].index(kind)


def without(kind: bytes) -> Callable[[list[tuple[bytes, bytes]]], None]:
    def change(found: list[tuple[bytes, bytes]]) -> None:
        del found[place_of(found, kind)]

    return change


def with_payload(kind: bytes, edit: Callable[[bytes], bytes]) -> Callable[[list[tuple[bytes, bytes]]], None]:
    def change(found: list[tuple[bytes, bytes]]) -> None:
        at = place_of(found, kind)
        found[at] = (kind, edit(found[at][1]))

    return change


def one_event_fewer(payload: bytes) -> bytes:
    return pack_events(list(unpack_events(payload))[:-1])


def two_events_swapped(payload: bytes) -> bytes:
    found = list(unpack_events(payload))
    found[3], found[4] = found[4], found[3]
    return pack_events(found)


def one_event_twice(payload: bytes) -> bytes:
    found = list(unpack_events(payload))
    return pack_events([*found, found[-1]])


def twice(found: list[tuple[bytes, bytes]]) -> None:
    at = place_of(found, blocks.RESERVATIONS)
    found.insert(at, found[at])


def keys_moved_back(found: list[tuple[bytes, bytes]]) -> None:
    found.insert(3, found.pop(place_of(found, blocks.KEYS)))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda content: b"",
    "another kind of file": lambda content: b"PK\x03\x04" + content,
    "half of its first line": lambda content: content[:9],
    "a format to come": lambda content: content.replace(b"backup 1", b"backup 2", 1),
    "only its first line": lambda content: content[: len(blocks.MAGIC)],
    "its last byte missing": lambda content: content[:-1],
    "its last half missing": lambda content: content[: len(content) // 2],
    "cut behind its first block": lambda content: content[: 18 + 37 + int.from_bytes(content[19:23], "big")],
    "a byte behind its end": lambda content: content + b"\n",
    "another backup behind it": lambda content: content + content,
    "a bit turned in its first length": lambda content: content[:20] + bytes([content[20] ^ 64]) + content[21:],
    "a bit turned in a hash": lambda content: content[:30] + bytes([content[30] ^ 1]) + content[31:],
    "a bit turned in the middle": lambda content: (
        content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 8]) + content[len(content) // 2 + 1 :]
    ),
    "a disk's block of zeros": lambda content: content[:2_000] + bytes(512) + content[2_512:],
    "its line ends changed": lambda content: content.replace(b"\n", b"\r\n"),
    "no events": lambda content: rebuilt(content, without(blocks.EVENTS)),
    "no sealed keys": lambda content: rebuilt(content, without(blocks.KEYS)),
    "no reservations": lambda content: rebuilt(content, without(blocks.RESERVATIONS)),
    "no idempotency keys": lambda content: rebuilt(content, without(blocks.IDEMPOTENCY)),
    "no footer": lambda content: rebuilt(content, without(blocks.FOOTER)),
    "no header": lambda content: rebuilt(content, without(blocks.HEADER)),
    "a block twice": lambda content: rebuilt(content, twice),
    "its keys at another place": lambda content: rebuilt(content, keys_moved_back),
    "an event fewer": lambda content: rebuilt(content, with_payload(blocks.EVENTS, one_event_fewer)),
    "two events swapped": lambda content: rebuilt(content, with_payload(blocks.EVENTS, two_events_swapped)),
    "an event twice": lambda content: rebuilt(content, with_payload(blocks.EVENTS, one_event_twice)),
    "an amount edited": lambda content: rebuilt(
        content, with_payload(blocks.EVENTS, lambda payload: payload.replace(b'"5.01"', b'"9.01"', 1))
    ),
    "a row of events cut": lambda content: rebuilt(content, with_payload(blocks.EVENTS, lambda payload: payload[:-9])),
    "rows that are none": lambda content: rebuilt(content, with_payload(blocks.RESERVATIONS, lambda payload: b"[[1]]")),
    "a header that is none": lambda content: rebuilt(content, with_payload(blocks.HEADER, lambda payload: b"{]")),
    "a header with more to it": lambda content: rebuilt(
        content, with_payload(blocks.HEADER, lambda payload: payload[:-1] + b',"more":1}')
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_backup_is_told_by_name_and_nothing_of_it_is_kept(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings], damage: Callable[[bytes], bytes]
) -> None:
    _, path = backed_up
    content = path.read_bytes()
    damaged = damage(content)
    assert damaged != content
    path.write_bytes(damaged)
    target = a_place("sqlite")
    for attempt in (Backups(target).verify, Backups(target).restore):
        with pytest.raises(Rejected) as told:
            attempt(path, PASSPHRASE, None, nothing_told)
        assert told.value.code in CODES
    assert not any(all_rows(target).values())
    assert not target.keys_file.exists()


def test_no_byte_of_a_backup_can_be_altered_unseen(backed_up: tuple[Settings, Path]) -> None:
    _, path = backed_up
    content = path.read_bytes()
    dice = random.Random(20261123)
    for at in dice.sample(range(len(content)), 150):
        altered = content[:at] + bytes([content[at] ^ (1 << dice.randrange(8))]) + content[at + 1 :]
        with pytest.raises(Rejected) as told:
            for _ in open_contents(io.BytesIO(altered)).parts():
                pass
        assert told.value.code in CODES


def test_figures_that_are_not_those_of_the_backup_undo_the_restore(
    backed_up: tuple[Settings, Path], a_place: Callable[[str], Settings]
) -> None:
    _, path = backed_up
    digest = told_of_balances(path.read_bytes())
    path.write_bytes(
        rebuilt(path.read_bytes(), with_payload(blocks.FOOTER, lambda payload: payload.replace(digest, b"0" * 64)))
    )
    target = a_place("sqlite")
    with refused("restore_differs"):
        Backups(target).restore(path, PASSPHRASE, None, nothing_told)
    assert not any(all_rows(target).values())
    assert not any(read_rows(target).values())
    assert not target.keys_file.exists()


def told_of_balances(content: bytes) -> bytes:
    """The digest that the footer tells of the balances."""
    contents = open_contents(io.BytesIO(content))
    for _ in contents.parts():
        pass
    assert contents.footer is not None
    return contents.footer.read_models[f"{balances.NAME}_v{balances.VERSION}"].encode()


def test_a_folder_that_is_not_there_takes_no_backup(backed_up: tuple[Settings, Path]) -> None:
    settings, path = backed_up
    with refused("file_not_writable"):
        Backups(settings).create(path.parent / "no such folder" / "backup", PASSPHRASE, None, nothing_told)
