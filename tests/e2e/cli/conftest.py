"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.program import Program


@pytest.fixture
def finshift(tmp_path: Path) -> Program:
    """The program on an empty folder."""
    return Program(tmp_path / "data")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with the sample household, which tests only look at."""
    program = Program(tmp_path_factory.mktemp("demo") / "data")
    made = program("demo")
    assert made.code == 0, made.err
    return program
