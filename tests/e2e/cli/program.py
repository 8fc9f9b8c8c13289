"""The real program `finshift` in a process of its own, on a folder of its own, at a fixed moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    data_dir: Path
    now: str = NOW

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Said:
        """Run one command, without a terminal."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=ROOT,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
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
            "FINSHIFT_DATA_DIR": str(self.data_dir),
            "FINSHIFT_NOW": self.now,
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "200",
        }

    def balances(self, book: str, *more: str) -> dict[tuple[str, str], str]:
        """By account and commodity, as the program prints them."""
        items = self("balances", "--book", book, "--json", *more).json
        return {(item["account"], item["commodity"]): item["amount"] for item in items}
