"""The page: what its first visit weighs, and how long a person waits for figures and for the preview of a file.

A real browser on the same machine as the program, with the sample household; without a browser nothing is measured.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.bench.made import FIRST_DAY, SEED
from tests.bench.places import Place, percentiles_ms, program
from tests.e2e.browser.driver import DESKTOP, browser, visitor

ROWS = 1_000
"""Of the file whose preview is waited for: what a household's bank hands out for a year."""

_FIRST_FIGURES = "() => /\\d/.test(document.querySelector('#net-worth-now')?.textContent ?? '') && performance.now()"
"""Milliseconds since the visit began, once the net worth is on the screen."""

_PREVIEW = "() => /\\d/.test(document.querySelector('#import-counts')?.textContent ?? '') && performance.now()"


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("the page: not measured, chromium is not installed")
        return
    visits = 3 if quick else 20
    with place.settings() as environment:
        sample = [sys.executable, "-m", "infra.bootstrap", "demo"]
        subprocess.run(sample, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
        with program(environment) as (port, _), browser(Path(chromium)) as opened:
            address = f"http://127.0.0.1:{port}"
            yield from _weight(opened, address)
            first: list[float] = []
            again: list[float] = []
            for _ in range(visits):
                with visitor(opened, address, DESKTOP, "en", "bench") as somebody:
                    first.append(_until(somebody.page, _FIRST_FIGURES))
                    again.append(_until(somebody.page, _FIRST_FIGURES))
            yield "page: to the first figures, first visit, p50 / p99", percentiles_ms(first)
            yield "page: to the first figures, again, p50 / p99", percentiles_ms(again)
            previews = [_preview_s(opened, address) for _ in range(visits)]
            yield f"page: from a file of {ROWS:,} rows to its preview, p50 / p99", percentiles_ms(previews)


def _weight(opened: Browser, address: str) -> Iterator[tuple[str, str]]:
    """Bytes over the line, headers too: of the page itself, and of the figures that it asks for."""
    with visitor(opened, address, DESKTOP, "en", "bench") as somebody:
        line = somebody.page.context.new_cdp_session(somebody.page)
        where: dict[str, str] = {}
        weight: Counter[str] = Counter()

        def answered(event: dict[str, Any]) -> None:
            where[event["requestId"]] = event["response"]["url"]

        def came(event: dict[str, Any]) -> None:
            url = where.get(event["requestId"], "")
            weight["figures" if url.startswith(f"{address}/v1/") else "page"] += int(event["encodedDataLength"])

        line.on("Network.responseReceived", answered)
        line.on("Network.loadingFinished", came)
        line.send("Network.enable")
        _until(somebody.page, _FIRST_FIGURES)
        somebody.page.wait_for_load_state("networkidle")
    yield "page: weight of the page, script and style", f"{weight['page'] / 1000:.1f} kB"
    yield "page: weight of its first figures", f"{weight['figures'] / 1000:.1f} kB"


def _until(page: Page, seen: str) -> float:
    """Seconds from the beginning of a visit until something is seen, to a frame of the screen."""
    page.goto("/")
    return float(page.wait_for_function(seen).json_value()) / 1000


def _preview_s(opened: Browser, address: str) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="finshift-bench-") as folder,
        visitor(opened, address, DESKTOP, "en", "bench") as somebody,
    ):
        statement = Path(folder) / "statement.csv"
        statement.write_text(_statement(), encoding="utf-8")
        _until(somebody.page, _FIRST_FIGURES)
        begun = float(somebody.page.evaluate("performance.now()"))
        somebody.choose(statement)
        return float(somebody.page.wait_for_function(_PREVIEW).json_value()) / 1000 - begun / 1000


def _statement() -> str:
    """A year of rows in the shape of a bank's CSV."""
    dice = random.Random(SEED)
    rows = ["Data,Valor,Identificador,Descrição"]
    for number in range(ROWS):
        day = FIRST_DAY + timedelta(days=number * 365 // ROWS)
        minor = dice.randint(100, 90_000)
        payee = f"Compra no débito - PAYEE {dice.randint(1, 500)}"
        rows.append(f"{day:%d/%m/%Y},-{minor // 100}.{minor % 100:02d},{number:032x},{payee}")
    return "\n".join(rows) + "\n"
