"""The page: what its first visit weighs, and how long a person waits for figures and for the preview of a file.

A real browser on the same machine as the program, with the sample household; without a browser nothing is measured.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.bench.made import FIRST_DAY, SEED
from tests.bench.places import Place, percentiles_ms, program
from tests.e2e.browser.driver import DESKTOP, browser, visitor

ROWS = 1_000
"""Of the file whose preview is waited for: what a household's bank hands out for a year."""

FIRST_FIGURES, PREVIEW = "net-worth-now", "import-counts"
"""What is waited for: the net worth, and the counts of a file's rows."""

_NOTE_WHEN = """
  window.seenAt = {};
  const look = () => {
    for (const id of ["net-worth-now", "import-counts"]) {
      if (/\\d/.test(document.getElementById(id)?.textContent ?? "")) {
        requestAnimationFrame((now) => (window.seenAt[id] ??= now));
      }
    }
  };
  new MutationObserver(look).observe(document, { childList: true, characterData: true, subtree: true });
"""
"""Milliseconds since the visit began, at the frame of the screen in which a figure first stands."""

_BEGIN_AGAIN = """
  () => {
    document.getElementById("import-counts").textContent = "";
    delete window.seenAt["import-counts"];
    return performance.now();
  }
"""


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
                with _visit(opened, address) as page:
                    first.append(_figures_s(page))
                    again.append(_figures_s(page))
            yield "page: to the first figures, first visit, p50 / p99", percentiles_ms(first)
            yield "page: to the first figures, again, p50 / p99", percentiles_ms(again)
            previews = list(_previews_s(opened, address, visits))
            yield f"page: from a file of {ROWS:,} rows to its preview, p50 / p99", percentiles_ms(previews)


def _weight(opened: Browser, address: str) -> Iterator[tuple[str, str]]:
    """Bytes over the line, headers too: of the page itself, and of the figures that it asks for."""
    with _visit(opened, address) as page:
        line = page.context.new_cdp_session(page)
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
        _figures_s(page)
        page.wait_for_load_state("networkidle")
    yield "page: weight of HTML, scripts, style and texts, packed", f"{weight['page'] / 1000:.1f} kB"
    yield "page: weight of the first figures that it asks for", f"{weight['figures'] / 1000:.1f} kB"


def _figures_s(page: Page) -> float:
    """Seconds from the beginning of a visit until the first figures stand."""
    page.goto("/")
    return _seen_ms(page, FIRST_FIGURES) / 1000


def _seen_ms(page: Page, name: str) -> float:
    expect(page.locator(f"#{name}")).to_contain_text(re.compile(r"\d"))
    return float(page.evaluate(f"new Promise(requestAnimationFrame).then(() => window.seenAt['{name}'])"))


def _previews_s(opened: Browser, address: str, count: int) -> Iterator[float]:
    """Seconds from choosing a file until its counts stand, the making of its book among them."""
    with tempfile.TemporaryDirectory(prefix="finshift-bench-") as folder, _visit(opened, address) as page:
        statement = Path(folder) / "statement.csv"
        statement.write_text(_statement(), encoding="utf-8")
        _figures_s(page)
        for _ in range(count):
            begun_ms = float(page.evaluate(_BEGIN_AGAIN))
            page.locator("#file-input").set_input_files(statement)
            yield (_seen_ms(page, PREVIEW) - begun_ms) / 1000
            page.locator("#import-cancel").click()
            expect(page.locator("body[data-busy]")).to_have_count(0)


@contextmanager
def _visit(opened: Browser, address: str) -> Iterator[Page]:
    with visitor(opened, address, DESKTOP, "en", "bench") as somebody:
        somebody.page.add_init_script(_NOTE_WHEN)
        yield somebody.page


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
