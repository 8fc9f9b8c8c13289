"""What the fuzzer found once, and every sample of every bank: any parser reads it or refuses it, fast and small.

`docs/fuzzing.md` says how inputs come to `tests/samples/fuzzed`.
"""

from __future__ import annotations

import pytest

from tests.fuzz.reading import PARSERS, SAMPLES, wrong_with

FILES = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES)
def test_no_file_breaks_a_parser(file: str) -> None:
    raw = (SAMPLES / file).read_bytes()
    assert {name: wrong for name in PARSERS if (wrong := wrong_with(name, raw))} == {}
