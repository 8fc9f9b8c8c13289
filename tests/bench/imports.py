"""Imports of large files: parsing apart, then preview and commit, then files of which half or all is known already."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch

from api.parts import Parts
from commands.imports import ImportService
from commands.imports.beancount_text import Beancount
from commands.imports.delimited import Delimited
from commands.imports.ofx import Ofx
from domain.book import BookId, RenameBook
from domain.ledger import AccountId, OpenAccount
from tests.bench.made import DAYS, beancount_file, csv_file, ids, ofx_file, opening
from tests.bench.places import Place, asked, call, opened, percentiles_ms, program, rate
from tests.fuzz.reading import MB, peak, reset_peak, resident

ASKS_EVERY_S = 0.02
"""Between two commands of the neighbour."""

ACCOUNT = "Assets:Checking"
"""Where the rows of a CSV go: it names no account itself."""

FIRST_ROWS = 1_000
"""Of the file whose preview is waited for over HTTP: what a household's bank hands out for a year."""


class Neighbour:
    """Somebody in another book, whose single commands go on while a large import is committed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest_s = 0.0

    def __enter__(self) -> Neighbour:
        self._book = BookId(ids.new())
        self._parts.keys.create(self._book)
        self._parts.bus.submit(self._book, [opening(self._book, "neighbour")], asked()).result()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        number = 0
        while not self._over.wait(ASKS_EVERY_S):
            number += 1
            started = time.perf_counter()
            self._parts.bus.submit(self._book, [RenameBook(f"neighbour {number}")], asked()).result()
            self.longest_s = max(self.longest_s, time.perf_counter() - started)


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    count = 10_000 if quick else 100_000
    for name, raw, form in (
        ("beancount", beancount_file(count), Beancount()),
        ("OFX", ofx_file(count), Ofx()),
    ):
        of = f"{name} of {count:,} transactions"
        started = time.perf_counter()
        form.read(raw)
        yield f"{of}: parse alone", rate(count, time.perf_counter() - started, " rows/s")
        with place.parts() as parts:
            book = _book(parts)
            with Neighbour(parts) as neighbour:
                preview_s, commit_s, recorded = _import(parts.imports, book, raw)
            assert recorded >= count, recorded
            yield f"{of}: longest wait of a neighbour's command meanwhile", f"{neighbour.longest_s:.2f} s"
            yield f"{of}: preview", rate(count, preview_s, " rows/s")
            yield f"{of}: commit, parsed again", rate(count, commit_s, " rows/s")
            preview_s, commit_s, recorded = _import(parts.imports, book, raw)
            assert recorded == 0, recorded
            yield f"{of}: preview, every row a duplicate", rate(count, preview_s, " rows/s")
            yield f"{of}: preview and commit, every row a duplicate", rate(count, preview_s + commit_s, " rows/s")
    yield from _half_known(place, count)
    yield from _memory(place, count)
    yield from _first_preview(place, 3 if quick else 20)


def _half_known(place: Place, count: int) -> Iterator[tuple[str, str]]:
    """The file of the design's target: half of its rows came with an earlier file."""
    known, raw = csv_file(count // 2, DAYS // 2), csv_file(count)
    of = f"CSV of {count:,} rows, half of them known"
    started = time.perf_counter()
    Delimited().read(raw)
    parse_s = time.perf_counter() - started
    yield f"{of}: parse alone", rate(count, parse_s, " rows/s")
    with place.parts() as parts:
        book = _book(parts, OpenAccount(AccountId(ids.new()), ACCOUNT))
        _import(parts.imports, book, known, ACCOUNT)
        with Neighbour(parts) as neighbour, _Writing(parts) as writing:
            preview_s, commit_s, recorded = _import(parts.imports, book, raw, ACCOUNT)
        assert recorded == count - count // 2, recorded
    yield f"{of}: longest wait of a neighbour's command meanwhile", f"{neighbour.longest_s:.2f} s"
    yield f"{of}: preview", rate(count, preview_s, " rows/s")
    yield f"{of}: commit, parsed again", rate(count, commit_s, " rows/s")
    yield f"{of}: preview and commit", rate(count, preview_s + commit_s, " rows/s")
    shares = [parse_s, preview_s - parse_s, commit_s - preview_s - writing.longest_s, writing.longest_s]
    told = " / ".join([f"{100 * share / commit_s:.0f}" for share in shares])
    yield f"{of}: of the commit, parsing / planning / deciding / writing", f"{told} %"


class _Writing:
    """How long the store takes for its largest batch, encoding, sealing and hashing among it."""

    def __init__(self, parts: Parts) -> None:
        self._commit = parts.store.commit
        self._patched = patch.object(parts.store, "commit", self._timed)
        self.longest_s = 0.0

    def __enter__(self) -> _Writing:
        self._patched.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patched.stop()

    def _timed(self, *arguments: Any) -> Any:
        started = time.perf_counter()
        told = self._commit(*arguments)
        self.longest_s = max(self.longest_s, time.perf_counter() - started)
        return told


def _memory(place: Place, count: int) -> Iterator[tuple[str, str]]:
    """What an import takes at its peak beyond what the process had before, in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    with place.settings() as environment, ProcessPoolExecutor(1, spawned) as alone:
        size, preview, commit = alone.submit(_peaks, environment, count).result()
    of = f"CSV of {count:,} rows, {size / MB:.1f} MB"
    told = f"{preview / size:.0f} / {commit / size:.0f} MB a MB of file"
    yield f"{of}: memory at the peak of preview / of preview and commit", told


def _peaks(environment: dict[str, str], count: int) -> tuple[int, int, int]:
    """Bytes of a file, and of memory at the peak of its preview and of its preview and commit."""
    raw = csv_file(count)
    with opened(environment) as parts:
        book = _book(parts, OpenAccount(AccountId(ids.new()), ACCOUNT))
        _import(parts.imports, book, csv_file(100), ACCOUNT)  # the first import pays for what all need
        reset_peak()
        before = resident()
        preview = parts.imports.preview(book, raw, account=ACCOUNT)
        previewed = peak()
        parts.imports.commit(book, preview.import_id, asked())
        return len(raw), previewed - before, peak() - before


def _first_preview(place: Place, times: int) -> Iterator[tuple[str, str]]:
    """From the upload of a year's file to the whole preview, over HTTP."""
    raw = csv_file(FIRST_ROWS, 365)
    waited: list[float] = []
    with place.settings() as environment, program(environment) as (port, _):
        book = call(port, "POST", "/v1/books", {"name": "bench", "commodity": "BRL"})[1]["book"]
        for _ in range(times + 1):
            started = time.perf_counter()
            preview = _upload(port, book, raw)
            waited.append(time.perf_counter() - started)
            assert preview["counts"]["new"] == FIRST_ROWS, preview["counts"]
    del waited[0]  # the first request pays for imports and caches
    yield f"CSV of {FIRST_ROWS:,} rows over HTTP: from upload to its preview, p50 / p99", percentiles_ms(waited)


def _upload(port: int, book: str, raw: bytes) -> Any:
    boundary = ids.new()
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="statement.csv"\r\n\r\n'
    body = head.encode() + raw + f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": ids.new()}
        connection.request("POST", f"/v1/books/{book}/imports", body, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _book(parts: Parts, *more: OpenAccount) -> BookId:
    book = BookId(ids.new())
    parts.keys.create(book)
    parts.bus.submit(book, [opening(book, "bench"), *more], asked()).result()
    return book


def _import(service: ImportService, book: BookId, raw: bytes, account: str | None = None) -> tuple[float, float, int]:
    """Seconds of preview and commit, and how many transactions it recorded."""
    started = time.perf_counter()
    preview = service.preview(book, raw, account=account)
    previewed = time.perf_counter()
    answer = service.commit(book, preview.import_id, asked())
    return previewed - started, time.perf_counter() - previewed, answer.counts.get("new", 0)
