"""The contract of the keys: what is sealed stays sealed, and a destroyed key is gone for every process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from commands.ports import BOOK_NAMES, KeyGone
from domain.book import BookId
from infra.keys import LOOK_AGAIN_S, MAX_CIPHERS, KeyFile, KeysUnreadable
from tests.stores import HOME, OFFICE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(path: Path) -> KeyFile:
    keys = KeyFile(path)
    keys.create(HOME)
    return keys


def test_what_is_sealed_opens_again_only_for_its_book_and_its_event(keys: KeyFile) -> None:
    keys.create(OFFICE)
    sealed = keys.seal(HOME, "event-1", b"Ana")
    assert b"Ana" not in sealed
    assert keys.unseal(HOME, "event-1", sealed) == b"Ana"
    for book, bound_to, blob in (
        (HOME, "event-2", sealed),
        (OFFICE, "event-1", sealed),
        (HOME, "event-1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (HOME, "event-1", sealed[:5]),
        (HOME, "event-1", b""),
    ):
        with pytest.raises(ValueError, match="seal of event"):
            keys.unseal(book, bound_to, blob)


def test_the_same_text_never_looks_the_same_sealed(keys: KeyFile) -> None:
    assert len({keys.seal(HOME, "e", b"Ana") for _ in range(100)}) == 100


def test_a_key_outlives_the_program(keys: KeyFile, path: Path) -> None:
    sealed, fingerprint = keys.seal(HOME, "e", b"Ana"), keys.fingerprint(HOME, "row")
    again = KeyFile(path)
    again.create(HOME)
    assert again.unseal(HOME, "e", sealed) == b"Ana"
    assert again.fingerprint(HOME, "row") == fingerprint
    assert list(again.books()) == [HOME]


def test_a_destroyed_key_is_gone_from_memory_and_from_the_disk(keys: KeyFile, path: Path) -> None:
    keys.create(OFFICE)
    kept = keys.seal(OFFICE, "e", b"Bia")
    sealed = keys.seal(HOME, "e", b"Ana")
    line = next(line for line in path.read_bytes().splitlines() if HOME.encode() in line)
    with path.open("rb") as old_file:
        keys.destroy(HOME)
        assert line not in old_file.read(), "the old file's blocks are overwritten"
    keys.destroy(HOME)
    assert keys.unseal(HOME, "e", sealed) is None
    with pytest.raises(KeyGone):
        keys.seal(HOME, "e", b"Ana")
    with pytest.raises(KeyGone):
        keys.fingerprint(HOME, "row")
    assert all(line not in file.read_bytes() for file in path.parent.iterdir())
    assert keys.unseal(OFFICE, "e", kept) == b"Bia"
    assert list(KeyFile(path).books()) == [OFFICE]


def test_a_key_that_another_process_destroyed_is_soon_gone_here_too(keys: KeyFile, path: Path) -> None:
    sealed = keys.seal(HOME, "e", b"Ana")
    KeyFile(path).destroy(HOME)
    until = time.monotonic() + LOOK_AGAIN_S + 30
    while keys.unseal(HOME, "e", sealed) is not None:
        assert time.monotonic() < until
    assert list(keys.books()) == []


def test_a_key_that_another_process_made_is_found_at_once(keys: KeyFile, path: Path) -> None:
    with pytest.raises(KeyGone):
        keys.seal(OFFICE, "e", b"Bia")
    other = KeyFile(path)
    other.create(OFFICE)
    assert other.unseal(OFFICE, "e", keys.seal(OFFICE, "e", b"Bia")) == b"Bia"


def test_only_the_owner_may_read_the_files(keys: KeyFile, path: Path) -> None:
    keys.create(OFFICE)
    keys.destroy(HOME)
    assert [file.stat().st_mode & 0o777 for file in path.parent.iterdir()] == [0o600, 0o600]


def test_a_file_that_was_open_to_others_is_closed_to_them_and_said_so(
    keys: KeyFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        KeyFile(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "open to others" in caplog.text


def test_fingerprints_tell_texts_apart_within_a_book_and_nothing_outside_it(keys: KeyFile) -> None:
    keys.create(OFFICE)
    fingerprint = keys.fingerprint(HOME, "row")
    assert len(fingerprint) == 32
    assert int(fingerprint, 16)
    assert keys.fingerprint(HOME, "row") == fingerprint
    assert len({fingerprint, keys.fingerprint(HOME, "row "), keys.fingerprint(OFFICE, "row")}) == 3


def test_names_of_books_have_fingerprints_that_outlive_any_book(keys: KeyFile, path: Path) -> None:
    fingerprint = keys.fingerprint(BOOK_NAMES, "Família")
    keys.destroy(HOME)
    assert KeyFile(path).fingerprint(BOOK_NAMES, "Família") == fingerprint
    assert keys.fingerprint("another-scope", "Família") != fingerprint
    assert keys.fingerprint(BOOK_NAMES, "half \ud800")


def test_two_installations_have_nothing_in_common(keys: KeyFile, tmp_path: Path) -> None:
    other = KeyFile(tmp_path / "elsewhere" / "keys")
    other.create(HOME)
    assert other.fingerprint(BOOK_NAMES, "Home") != keys.fingerprint(BOOK_NAMES, "Home")
    assert other.fingerprint(HOME, "row") != keys.fingerprint(HOME, "row")


def test_a_line_whose_writing_was_cut_off_is_no_key_and_harms_none(keys: KeyFile, path: Path) -> None:
    sealed = keys.seal(HOME, "e", b"Ana")
    with path.open("ab") as file:
        file.write(b'{"book":"018f0000-0000-7000-8000-00000000')
    again = KeyFile(path)
    again.create(OFFICE)
    assert set(KeyFile(path).books()) == {HOME, OFFICE}
    assert KeyFile(path).unseal(HOME, "e", sealed) == b"Ana"
    with path.open("ab") as file:
        file.write(b'{"book":"018f0000-0000-7000-8000-00000000')
    again.destroy(HOME)
    assert list(KeyFile(path).books()) == [OFFICE]


def test_a_key_file_that_is_not_there_yet_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "later" / "keys"
    later = KeyFile(path, make=False)
    assert later.proof() is None
    assert not path.exists()
    later.make()
    assert later.proof() == KeyFile(path, make=False).proof()
    assert later.proof() != KeyFile(tmp_path / "another").proof()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"not JSON\n", b'{"finshift-keys":1,"installation":"c2hvcnQ="}\n', b"[1]\n", b"\xff\n"],
)
def test_a_damaged_file_is_never_taken_for_an_empty_one(keys: KeyFile, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeysUnreadable, match="restore it"):
        KeyFile(path)
    assert path.read_bytes() == content


def test_a_file_of_a_newer_release_is_refused(keys: KeyFile, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"finshift-keys":1', b'"finshift-keys":2'))
    with pytest.raises(KeysUnreadable, match="update Finshift"):
        KeyFile(path)


def test_more_books_than_ciphers_are_kept_ready_all_open(keys: KeyFile, path: Path) -> None:
    first = keys.seal(HOME, "e", b"first")
    books = [BookId(f"018f0000-0000-7000-8000-{number:012x}") for number in range(100, MAX_CIPHERS + 110)]
    lines = [
        line.replace(HOME.encode(), book.encode()) for book in books for line in path.read_bytes().splitlines()[1:]
    ]
    with path.open("ab") as file:
        file.write(b"\n".join(lines) + b"\n")
    again = KeyFile(path)
    assert all(again.unseal(book, "e", again.seal(book, "e", b"x")) == b"x" for book in books)
    assert again.unseal(HOME, "e", first) == b"first"


MAKE_KEYS = """
import sys
from pathlib import Path
from infra.keys import KeyFile
keys = KeyFile(Path(sys.argv[1]))
for number in range(40):
    keys.create(f"018f0000-0000-7000-8000-{sys.argv[2]}{number:011x}")
    if number % 4 == 3:
        keys.destroy(f"018f0000-0000-7000-8000-{sys.argv[2]}{number:011x}")
"""


def test_processes_that_make_and_destroy_keys_at_once_lose_none(path: Path) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE_KEYS, str(path), str(number)], env=os.environ | {"PYTHONPATH": "."}
        )
        for number in range(3)
    ]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
    assert len(list(KeyFile(path).books())) == 3 * 30


def test_threads_share_one_key_file(keys: KeyFile) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            book = BookId(f"018f0000-0000-7000-8000-{number:012x}")
            keys.create(book)
            for _ in range(50):
                assert keys.unseal(book, "e", keys.seal(book, "e", b"x")) == b"x"
            keys.destroy(book)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100, 108)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(keys.books()) == [HOME]


def test_no_secret_is_shown_by_what_is_printed_or_logged(keys: KeyFile, path: Path) -> None:
    secrets = [line.split(b'"')[-2].decode() for line in path.read_bytes().splitlines()]
    shown = repr(keys) + str(keys) + repr(KeyGone(HOME))
    assert not any(secret in shown for secret in secrets)


def test_a_last_key_that_lacks_only_its_line_end_is_kept(keys: KeyFile, path: Path) -> None:
    keys.create(HOME)
    sealed = keys.seal(HOME, "an event", b"Padaria")
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    again = KeyFile(path)
    again.create(OFFICE)
    assert KeyFile(path).unseal(HOME, "an event", sealed) == b"Padaria"
    again.destroy(OFFICE)
    assert list(KeyFile(path).books()) == [HOME]
