"""The tests' own PostgreSQL: as durable as a household's, and gone with the last process that used it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import servers

KILLED_WHILE_USING_IT = """
import os, signal, sys
from pathlib import Path
from tests import servers

with servers.postgres(Path(sys.argv[1])) as address:
    print(address.query["host"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_under_test_is_as_durable_as_a_real_one(postgres_url: Callable[[], str]) -> None:
    engine = sa.create_engine(postgres_url(), poolclass=sa.NullPool)
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.scalar(sa.text(f"SHOW {name}")) == "on", name


def test_each_database_is_new_and_apart(postgres_url: Callable[[], str]) -> None:
    one, other = (sa.create_engine(postgres_url(), poolclass=sa.NullPool) for _ in range(2))
    with one.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id int)"))
    assert sa.inspect(one).get_table_names() == ["kept"]
    assert sa.inspect(other).get_table_names() == []


def test_a_killed_run_leaves_no_server_and_no_folder(tmp_path: Path) -> None:
    if servers.GIVEN_SERVER in os.environ:
        pytest.skip("the server is not ours to end")
    run = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_USING_IT, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False
    )
    folder = Path(run.stdout.strip())
    keeper = tmp_path / "postgres-keeper"
    assert keeper.read_text() == str(folder / "keeper")

    with servers.postgres(tmp_path) as address, sa.create_engine(address).connect() as connection:
        # A run that follows at once may still meet the old keeper: what it gets works, and goes with it.
        assert connection.scalar(sa.text("SELECT 1")) == 1
        used = Path(str(address.query["host"]))
    assert not used.exists()
    until = time.monotonic() + servers.STOP_TIMEOUT_S
    while folder.exists() and time.monotonic() < until:
        threading.Event().wait(0.02)
    assert not folder.exists()
