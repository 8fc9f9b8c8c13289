"""The program `finshift` on a folder of its own, at a fixed moment: run here, or as a process where that is the point.

A run here goes through everything but the console script's own few lines: the same arguments, the same parts on the
same files, opened for the command and closed behind it.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from api.cli.program import run
from api.parts import Parts
from infra.backups import Backups
from infra.bootstrap import open_parts
from infra.settings import Settings
from infra.stack.local import LocalStack

NOW = "2026-09-17T15:00:00Z"
PATIENCE_S = 120
ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "tests" / "samples"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer on standard output; the command must have succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem object, the last line of standard error."""
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])
        return found


@dataclass(frozen=True, slots=True)
class Program:
    """`settings` are further ones, for what runs as a process."""

    data_dir: Path
    now: str = NOW
    settings: tuple[tuple[str, str], ...] = ()

    def __call__(self, *arguments: str | Path) -> Said:
        """Run one command here, without a terminal. A defect comes out as the error that it is."""
        out, err = _Stream(), _Stream()
        with patch.multiple(sys, stdin=io.StringIO(), stdout=out, stderr=err), patch.dict(os.environ, COLUMNS="200"):
            code = run([str(argument) for argument in arguments], self._parts, self._backups, self._stack)
        return Said(code, out.text(), err.text())

    def process(self, *arguments: str | Path) -> Said:
        """Run one command as a process, without a terminal."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "infra.bootstrap", *[str(argument) for argument in arguments]]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **dict(self.settings),
            "FINSHIFT_DATA_DIR": str(self.data_dir),
            "FINSHIFT_NOW": self.now,
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "200",
        }

    def balances(self, book: str, *more: str) -> dict[tuple[str, str], str]:
        """By account and commodity, as the program prints them."""
        items = self("balances", "--book", book, "--json", *more).json
        return {(item["account"], item["commodity"]): item["amount"] for item in items}

    def _backups(self) -> Backups:
        return Backups(Settings(data_dir=self.data_dir, now=datetime.fromisoformat(self.now)))

    def _stack(self) -> LocalStack:
        return LocalStack(self.data_dir / "stack")

    @contextmanager
    def _parts(self, log_level: str) -> Iterator[Parts]:
        settings = Settings(data_dir=self.data_dir, now=datetime.fromisoformat(self.now))
        with open_parts(settings) as parts:
            yield parts


@contextmanager
def started(program: Program, log: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The served program, which logs to a file, and a client of it."""
    command = program.command("serve", "--port", "0", *more)
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, env=program.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            told = re.search(r"http://[0-9.]+:\d+", server.stdout.readline())
            assert told is not None, "the server did not say where it is"
            with httpx.Client(base_url=told.group(), timeout=PATIENCE_S) as client:
                yield server, client
        finally:
            server.kill()


@contextmanager
def serving(program: Program, *more: str, end: signal.Signals = signal.SIGINT) -> Iterator[httpx.Client]:
    """A client of the served API. The server is told to end, must end well, and logs none of its libraries' steps."""
    log = program.data_dir.with_suffix(".log")
    with started(program, log, *more) as (server, client):
        yield client
        server.send_signal(end)
        assert server.wait(PATIENCE_S) == 0
    told = [json.loads(line)["logger"] for line in log.read_text().splitlines()]
    assert not any(name.startswith(("alembic", "uvicorn")) for name in told)


class _Stream(io.TextIOWrapper):
    """A standard stream that is no terminal, as text and as bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()
