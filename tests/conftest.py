"""What every test may ask for. The rule it keeps: no test reads or touches the books of whoever runs it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from tests import servers

hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2_000, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")
"""`--hypothesis-profile=thorough` asks for more; CI repeats the same examples, so that red means the change did it."""


def pytest_configure() -> None:
    """Forget the settings of whoever runs the tests; what is meant for tests stays."""
    for name in [name for name in os.environ if name.startswith("FINSHIFT_") and not name.startswith("FINSHIFT_TEST_")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _data_dir(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test that forgets to say where its data lives finds an empty folder, never the person's own."""
    os.environ["FINSHIFT_DATA_DIR"] = str(tmp_path_factory.mktemp("finshift-data"))


def _meeting_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """The run's PostgreSQL server: one, whatever the number of workers."""
    with servers.shared("postgres", _meeting_place(tmp_path_factory)) as address:
        yield sa.make_url(address)


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run's MongoDB server, a replica set of one member."""
    with servers.shared("mongo", _meeting_place(tmp_path_factory)) as address:
        yield address


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run's Kafka, as `host:port`."""
    with servers.shared("kafka", _meeting_place(tmp_path_factory)) as address:
        yield address


@pytest.fixture
def kafka_prefix() -> str:
    """The first word of a test's own topics."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[Callable[[], str]]:
    """A factory: each call makes a fresh, empty database and gives its SQLAlchemy address; all go with the test."""
    with ExitStack() as databases:

        def fresh() -> str:
            url = databases.enter_context(servers.fresh_database(postgres_server))
            return url.render_as_string(hide_password=False)

        yield fresh


@pytest.fixture
def mongo_url(mongo_server: str) -> Iterator[Callable[[], str]]:
    """A factory: each call gives the address of a fresh, empty MongoDB database; all go with the test."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(servers.fresh_documents(mongo_server))


@pytest.fixture(scope="session")
def outside_program() -> Callable[[str], Path]:
    """Where another program is that the tests compare with (`hledger`, `ledger`): needed in CI, missed elsewhere."""

    def find(name: str) -> Path:
        found = shutil.which(name)
        if found is None and os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; .ci/packages lists what .ci/run installs")
        if found is None:
            pytest.skip(f"{name} is not installed")
        return Path(found)

    return find
