"""The same household, embedded and by way of Kafka into PostgreSQL: every query answers the same, to the byte."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.e2e.cli.program import PATIENCE_S, Program, serving
from tests.e2e.cli.test_bean_example import MAKE_EXAMPLE

SEEDS = (1, 2, 3)
NOW = "2025-11-20T15:00:00Z"
"""Inside the ledgers' time, which end with 2025."""

QUESTIONS = (
    "",
    "/accounts",
    "/accounts?limit=7",
    "/balances?limit=500",
    "/balances?as_of=2024-02-29&limit=500",
    "/transactions?limit=500",
    "/transactions?text=a&limit=100",
    "/transactions?from=2024-01-01&to=2024-12-31&limit=50",
    "/net-worth?from=2020-01-01&to=2025-12-31&every=month&limit=500",
    "/cash-flow?from=2020-01-01&to=2025-12-31&every=year&limit=500",
    "/cash-flow?from=2025-01-01&to=2025-12-31&every=month&limit=500",
    "/budgets",
    "/budgets?period=2025-06-15",
    "/imports",
    "/alerts",
    "/rules",
    "/payees?from=2024-01-01&to=2024-12-31",
    "/promised",
    "/events?after=0&limit=500",
)
MAX_PAGES = 40
"""Pages followed of one question."""


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One backup of the sample household and three example ledgers, and its keys."""
    folder = tmp_path_factory.mktemp("made")
    finshift = Program(folder / "data", NOW)
    assert finshift("demo").code == 0
    for seed in SEEDS:
        example = folder / f"{seed}.beancount"
        span = ["--date-begin", "2020-01-01", "--date-end", "2026-01-01"]
        made = subprocess.run(
            [sys.executable, "-c", MAKE_EXAMPLE, "--seed", str(seed), *span],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        example.write_text(made.stdout, "utf-8")
        assert finshift("book", "create", f"example-{seed}", "--commodity", "USD").code == 0
        assert finshift("import", example, "--book", f"example-{seed}", "--yes").code == 0
    file, keys = folder / "household.backup", folder / "household.keys"
    assert finshift("backup", "create", file, "--keys-to", keys).code == 0
    return file, keys


def answers(client: httpx.Client) -> Iterator[tuple[str, bytes]]:
    """Every question of every book with its answer, page by page."""
    books = client.get("/v1/books")
    yield "/v1/books", books.content
    for book in books.json()["items"]:
        for question in QUESTIONS:
            path = f"/v1/books/{book['name']}{question}"
            cursor = None
            for _ in range(MAX_PAGES):
                told = client.get(path if cursor is None else _with(path, cursor))
                assert told.status_code == 200, (path, told.text)
                yield path if cursor is None else _with(path, cursor), told.content
                cursor = told.json().get("next")
                if cursor is None:
                    break


def _with(path: str, cursor: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}cursor={cursor}"


def test_every_answer_by_way_of_kafka_is_the_embedded_one_to_the_byte(
    backup: tuple[Path, Path],
    tmp_path: Path,
    postgres_url: Callable[[], str],
    mongo_url: Callable[[], str],
    kafka_servers: str,
    kafka_prefix: str,
) -> None:
    file, keys = backup
    read_url = postgres_url()
    embedded = Program(tmp_path / "embedded", NOW)
    on_servers = Program(
        tmp_path / "on servers",
        NOW,
        (
            ("FINSHIFT_STORE_URL", postgres_url()),
            ("FINSHIFT_READ_URL", read_url),
            ("FINSHIFT_DOCUMENTS_URL", mongo_url()),
            ("FINSHIFT_KAFKA_SERVERS", kafka_servers),
            ("FINSHIFT_KAFKA_PREFIX", kafka_prefix),
        ),
    )
    # A restore folds the read models once, to compare them with what the backup tells: these are left behind, so that
    # all that is asked below came by way of Kafka.
    settings = dict(on_servers.settings) | {"FINSHIFT_READ_URL": postgres_url()}
    for program in (embedded, replace(on_servers, settings=tuple(settings.items()))):
        restored = program.process("backup", "restore", file, "--keys", keys)
        assert restored.code == 0, restored.err
    with serving(embedded) as client:
        expected = dict(answers(client))
    assert len(expected) > 5 * len(QUESTIONS)
    with serving(on_servers) as client:
        held = on_servers.process("projections", "verify")  # waits for the projectors
        assert held.code == 0, held.err
        found = dict(answers(client))
        end = client.get("/readyz").json()["position"]
    with sa.create_engine(read_url, poolclass=sa.NullPool).connect() as connection:
        counted = "SELECT projection, lane = 'store', sum(position) FROM projection_lanes GROUP BY 1, 2"
        lanes = connection.execute(sa.text(counted))
        came = {(projection, from_store): int(count) for projection, from_store, count in lanes}
    assert {count for (_, from_store), count in came.items() if from_store} == {0}
    assert min(count for (_, from_store), count in came.items() if not from_store) >= end
    assert found.keys() == expected.keys()
    assert [path for path in expected if found[path] != expected[path]] == []
