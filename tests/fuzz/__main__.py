"""`python -m tests.fuzz [SECONDS] [PARSER...]`: every parser in turn, then all together, each a share of the time.

Findings stay in `.fuzz/findings`, and what the fuzzer learnt in `.fuzz/corpus`, so that a later run goes on from there.
Ends with 1 where something was found.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.reading import PARSERS, samples_of
from tests.fuzz.words import SEEDS, dictionary

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".fuzz"
FINDINGS = HOME / "findings"

ALL = "all"
SECONDS = 3600
SMALL_BYTES, SMALL_SHARE = 8 * 1024, 0.75
"""Small inputs are read many times a second, so that most of the time goes to them."""

LARGE_BYTES = 256 * 1024
"""Enough for what is quadratic to take seconds."""

HANG_S = 120
"""An input that takes longer ends the run of its parser; judging one alone is part of it."""

RSS_LIMIT_MB = 3000
MAX_RESTARTS = 20
"""Runs of one parser that end early, by a crash or a hang, before the next one has its turn."""


def main(arguments: Sequence[str]) -> int:
    seconds = int(arguments[0]) if arguments else SECONDS
    names = list(arguments[1:]) or [*sorted(PARSERS), ALL]
    FINDINGS.mkdir(parents=True, exist_ok=True)
    for name in names:
        _seed(name)
        share = seconds / len(names)
        _fuzz(name, share * SMALL_SHARE, SMALL_BYTES)
        _fuzz(name, share * (1 - SMALL_SHARE), LARGE_BYTES)
    found = sorted(path.name for path in FINDINGS.glob("*") if not path.name.startswith("."))
    for name in found:
        print(f"found: {FINDINGS.relative_to(ROOT) / name}")
    print(f"{len(found)} findings in {seconds} s over {', '.join(names)}")
    return 1 if found else 0


def _corpus(name: str, max_bytes: int) -> Path:
    return HOME / "corpus" / f"{name}-{max_bytes}"


def _log(name: str) -> Path:
    return HOME / f"{name}.log"


def _words(name: str) -> Path:
    return HOME / f"{name}.words"


def _seed(name: str) -> None:
    """The samples that look like the parser's own; for all together, behind the byte that chooses it."""
    corpus = _corpus(name, SMALL_BYTES)
    corpus.mkdir(parents=True, exist_ok=True)
    _corpus(name, LARGE_BYTES).mkdir(exist_ok=True)
    _words(name).write_text(dictionary(name))
    _log(name).unlink(missing_ok=True)
    for place, parser in enumerate(sorted(PARSERS)):
        if name in (parser, ALL):
            for number, raw in enumerate([*samples_of(parser), *SEEDS.get(parser, [])]):
                seed = bytes([place]) + raw if name == ALL else raw
                (corpus / f"seed-{parser}-{number}").write_bytes(seed[:LARGE_BYTES])


def _fuzz(name: str, seconds: float, max_bytes: int) -> None:
    corpora = [_corpus(name, max_bytes)] + ([_corpus(name, SMALL_BYTES)] if max_bytes > SMALL_BYTES else [])
    ends = time.monotonic() + seconds
    for _ in range(MAX_RESTARTS):
        left = int(ends - time.monotonic())
        if left <= 0:
            return
        print(f"== {name}: {left} s of inputs up to {max_bytes:,} bytes", flush=True)
        flags = {
            "max_total_time": left,
            "max_len": max_bytes,
            "timeout": HANG_S,
            "report_slow_units": HANG_S,
            "rss_limit_mb": RSS_LIMIT_MB,
            "artifact_prefix": f"{FINDINGS}/{name}-native-",
            "dict": _words(name),
            "print_final_stats": 1,
            "reload": 0,
        }
        command = [sys.executable, "-m", "tests.fuzz.target", name, str(FINDINGS)]
        command += [f"-{flag}={value}" for flag, value in flags.items()] + [str(corpus) for corpus in corpora]
        with _log(name).open("ab") as log:
            ended = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False).returncode
        _tell(name)
        if ended == 0:
            return
        if not list(FINDINGS.glob(f"{name}-native-*")):
            raise SystemExit(f"the fuzzer ended with {ended} and nothing found: see {_log(name)}")
        _drop_what_is_not_wrong_alone(name)


def _tell(name: str) -> None:
    """What a run was, by its own last words, and what it found."""
    lines = _log(name).read_text(errors="replace").splitlines()
    told = [line for line in lines if line.startswith(("stat::number", "FINDING")) or "\tDONE" in line]
    print("\n".join(told[-10:]), flush=True)


def _drop_what_is_not_wrong_alone(name: str) -> None:
    """A run that ended early leaves its last input; memory that leaked over many inputs is not this one's."""
    for artefact in FINDINGS.glob(f"{name}-native-*"):
        raw = artefact.read_bytes()
        parser = name
        if name == ALL and raw:
            parser, raw = sorted(PARSERS)[raw[0] % len(PARSERS)], raw[1:]
        kept = FINDINGS / f"{parser}-{artefact.name.removeprefix(f'{name}-native-')}.bin"
        kept.write_bytes(raw)
        artefact.unlink()
        try:
            command = [sys.executable, "-m", "tests.fuzz.reading", parser, str(kept)]
            if subprocess.run(command, cwd=ROOT, timeout=HANG_S, check=False).returncode == 0:
                kept.unlink()
                print(f"not wrong alone: {kept.name}", flush=True)
        except subprocess.TimeoutExpired:
            print(f"hangs alone: {kept.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
