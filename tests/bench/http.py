"""Commands a second over HTTP: one process serves, another sends, both on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.made import CATEGORIES
from tests.bench.places import Place, call, program

ACCOUNTS = ["Assets:Checking", *CATEGORIES]


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    seconds = 1 if quick else 6
    with place.settings() as environment, program(environment) as (port, _):
        book = call(port, "POST", "/v1/books", {"name": "bench", "commodity": "BRL"})[1]["book"]
        for account in ACCOUNTS:
            assert call(port, "POST", f"/v1/books/{book}/accounts", {"account": account})[0] == 201
        load(port, book, clients=8, batch=1, seconds=1)  # the first requests pay for imports and caches
        for clients in (1, 8, 32, 256):
            told = load(port, book, clients=clients, batch=1, seconds=seconds)
            yield f"single commands over HTTP, {clients} clients: a second, p50 / p99", figures(told)
        for clients in (1, 8):
            told = load(port, book, clients=clients, batch=100, seconds=seconds)
            yield f"transactions over HTTP in batches of 100, {clients} clients: a second, p50 / p99", figures(told)


def load(port: int, book: str, *, clients: int, batch: int, seconds: float) -> dict[str, float]:
    arguments = {"port": port, "book": book, "clients": clients, "batch": batch, "seconds": seconds}
    command = [sys.executable, "-m", "tests.bench.http_load", "--accounts", ",".join(ACCOUNTS)]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    most = 60_000 if batch == 1 else 2_000
    done = subprocess.run([*command, "--most", str(most)], capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    if told["refused"]:
        raise RuntimeError(f"{told['refused']} requests were refused")
    return told


def figures(told: dict[str, float]) -> str:
    return f"{told['transactions_a_second']:,.0f}/s, {told['p50_ms']:.1f} / {told['p99_ms']:.1f} ms"
