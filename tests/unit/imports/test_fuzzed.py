"""What the fuzzer found once, and every sample of every bank: any parser reads it or refuses it.

`docs/fuzzing.md` says how inputs come to `tests/samples/fuzzed`.
"""

from __future__ import annotations

import pytest

from tests.fuzz.reading import PARSERS, SAMPLES, read

FILES = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES)
def test_no_file_breaks_a_parser(file: str) -> None:
    raw = (SAMPLES / file).read_bytes()
    for parser in PARSERS.values():
        read(parser, raw)
