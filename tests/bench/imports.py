"""Imports of large files: parsing apart, then preview and commit, then the same again with every row a duplicate."""

from __future__ import annotations

import time
from collections.abc import Iterator

from commands.imports import ImportService
from commands.imports.beancount_text import Beancount
from commands.imports.ofx import Ofx
from domain.book import BookId
from tests.bench.made import beancount_file, ids, ofx_file, opening
from tests.bench.places import Place, asked, rate


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
            preview_s, commit_s, recorded = _import(parts.imports, book, raw)
            assert recorded >= count, recorded
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
