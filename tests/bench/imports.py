"""Imports of large files: parsing apart, then preview and commit, then the same again with every row a duplicate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from api.parts import Parts
from commands.imports import ImportService
from commands.imports.beancount_text import Beancount
from commands.imports.ofx import Ofx
from domain.book import BookId, RenameBook
from tests.bench.made import beancount_file, ids, ofx_file, opening
from tests.bench.places import Place, asked, rate

ASKS_EVERY_S = 0.02
"""Between two commands of the neighbour."""


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
            book = BookId(ids.new())
            parts.keys.create(book)
            parts.bus.submit(book, [opening(book, "bench")], asked()).result()
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


def _import(service: ImportService, book: BookId, raw: bytes) -> tuple[float, float, int]:
    """Seconds of preview and commit, and how many transactions it recorded."""
    started = time.perf_counter()
    preview = service.preview(book, raw)
    previewed = time.perf_counter()
    answer = service.commit(book, preview.import_id, asked())
    return previewed - started, time.perf_counter() - previewed, answer.counts.get("new", 0)
