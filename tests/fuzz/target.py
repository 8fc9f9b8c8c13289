"""What the fuzzer runs: one parser, or all of them, each input's first byte choosing.

An error that is Python's is kept with its input and the fuzzer goes on, so that one finding does not hide the next;
what seems slow or large under the fuzzer is judged again alone. Only a crash of native code, or a hang, ends the run.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import traceback
import tracemalloc
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["commands", "domain"]):
    from tests.fuzz.reading import (
        FLOOR_MEMORY,
        MAX_MEMORY_PER_BYTE,
        PARSERS,
        max_cpu_s,
        peak,
        read,
        reset_peak,
        resident,
    )

ALL = "all"
"""The target that reads each input with the parser that its first byte chooses."""

MAX_OF_A_KIND = 5
"""Findings of the same parser that are slow, or large: more of them are the same."""

JUDGED_ALONE_S = 60
"""The longest that judging one input may take: beyond it is a hang."""

PATIENCE = 1.25
"""How much slower, or larger, an input must seem after one that was not so when it was judged alone."""

COUNTED_BYTES, COUNTED_EVERY = 32 * 1024, 8
"""Of inputs at least this large, every so many is read with Python's own count of memory, which is slow."""

REPEATS = 0.1
"""The share of mutations that multiply a stretch."""

MAX_REPEATED_BYTES = 4096
"""The longest stretch that the mutator multiplies."""


class Target:
    def __init__(self, name: str, findings: Path) -> None:
        self._names = sorted(PARSERS) if name == ALL else [name]
        self._findings = findings
        self._patience: dict[tuple[str, str], float] = {}

    def one_input(self, raw: bytes) -> None:
        name = self._names[0]
        if len(self._names) > 1:
            if not raw:
                return
            name, raw = self._names[raw[0] % len(self._names)], raw[1:]
        counts = len(raw) >= COUNTED_BYTES and zlib.crc32(raw) % COUNTED_EVERY == 0
        if counts:
            tracemalloc.start()
        reset_peak()
        before = resident()
        started = time.process_time()
        try:
            read(PARSERS[name], raw)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._keep(name, f"{type(error).__name__}-{Path(where.filename).stem}-{where.lineno}", raw)
            return
        finally:
            cpu_s = time.process_time() - started
            memory = peak() - before
            if counts:
                memory = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
        if not counts:
            self._judge(name, "slow", cpu_s / max_cpu_s(len(raw)), raw)
        self._judge(name, "memory", memory / (FLOOR_MEMORY + MAX_MEMORY_PER_BYTE * len(raw)), raw)

    def _judge(self, name: str, kind: str, share: float, raw: bytes) -> None:
        """Whether an input that took this share of its limit takes too much without the fuzzer too."""
        patience = self._patience.get((name, kind), 1.0)
        if share < patience or len(list(self._findings.glob(f"{name}-{kind}-*.bin"))) >= MAX_OF_A_KIND:
            return
        alone = self._findings / f".judged-{name}"
        alone.write_bytes(raw)
        command = [sys.executable, "-m", "tests.fuzz.reading", name, str(alone)]
        try:
            is_wrong = subprocess.run(command, timeout=JUDGED_ALONE_S, capture_output=True, check=False).returncode != 0
        except subprocess.TimeoutExpired:
            is_wrong = True
        alone.unlink()
        if is_wrong:
            self._keep(name, f"{kind}-{hashlib.sha256(raw).hexdigest()[:8]}", raw)
        else:
            self._patience[name, kind] = share * PATIENCE

    def _keep(self, name: str, what: str, raw: bytes) -> None:
        """The smallest input of each kind of finding."""
        kept = self._findings / f"{name}-{what}.bin"
        if kept.exists() and kept.stat().st_size <= len(raw):
            return
        kept.write_bytes(raw)
        print(f"FINDING {kept.name}: {len(raw):,} bytes", file=sys.stderr, flush=True)


def mutated(raw: bytes, max_size: int, seed: int) -> bytes:
    """Now and then a stretch of the input many times over, which shows what grows faster than its input."""
    dice = random.Random(seed)
    if len(raw) < 2 or dice.random() > REPEATS:
        return bytes(atheris.Mutate(raw, max_size))
    start = dice.randrange(len(raw))
    if dice.random() < 0.5:  # whole elements or lines
        start = max(raw.rfind(b"<", 0, start + 1), raw.rfind(b"\n", 0, start + 1), 0)
    stretch = raw[start : start + int(MAX_REPEATED_BYTES ** dice.random()) + 1]
    room = max_size - len(raw)
    times = int((room // len(stretch)) ** dice.random()) if room >= len(stretch) else 0
    return (raw[:start] + stretch * times + raw[start:])[:max_size]


def main(name: str, findings: str) -> None:
    target = Target(name, Path(findings))
    sys.argv = [sys.argv[0], *sys.argv[3:]]
    atheris.Setup(sys.argv, target.one_input, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:3])
