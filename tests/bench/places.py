"""Where a scenario runs: the parts on fresh files or a fresh database, and the program as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.parts import Parts
from commands.ports import Asked
from infra.bootstrap import open_parts
from infra.settings import Settings
from tests.bench.made import ids

READY_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of store. `database` makes an empty one for as long as the context is; None for files."""

    name: str
    folder: Path
    database: Callable[[], AbstractContextManager[str]] | None

    @contextmanager
    def settings(self) -> Iterator[dict[str, str]]:
        """The environment of one fresh installation."""
        database = self.database() if self.database is not None else nullcontext("")
        with tempfile.TemporaryDirectory(dir=self.folder) as data_dir, database as url:
            environment = {"FINSHIFT_DATA_DIR": data_dir, "FINSHIFT_LOG_LEVEL": "WARNING"}
            yield environment | ({"FINSHIFT_STORE_URL": url, "FINSHIFT_READ_URL": url} if url else {})

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        with self.settings() as environment, opened(environment) as parts:
            yield parts


@contextmanager
def opened(environment: dict[str, str]) -> Iterator[Parts]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        settings = Settings()
    finally:
        os.environ.clear()
        os.environ.update(before)
    with open_parts(settings) as parts:
        yield parts


@contextmanager
def program(environment: dict[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`finshift serve` on a free port, ready; ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.bootstrap", "serve", "--port", str(port)],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + READY_LIMIT_S
        while not is_ready(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the program did not become ready")
            time.sleep(0.005)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    try:
        return call(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def call(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json", "Idempotency-Key": ids.new()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def asked() -> Asked:
    new = ids.new()
    return Asked("local", new, new, new)


def rate(count: float, seconds: float, unit: str = "/s") -> str:
    return f"{count / seconds:,.0f}{unit}"


def percentiles_ms(seconds: list[float]) -> str:
    """p50 / p99 in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return f"{1000 * ordered[len(ordered) // 2]:.1f} / {1000 * p99:.1f} ms"
