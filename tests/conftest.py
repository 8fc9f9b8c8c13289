"""What every test may ask for. The rule it keeps: no test reads or touches the books of whoever runs it."""

from __future__ import annotations

import os
import shutil
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


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """The run's PostgreSQL server: one, whatever the number of workers."""
    base = tmp_path_factory.getbasetemp()
    meeting_place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with servers.postgres(meeting_place) as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[Callable[[], str]]:
    """A factory: each call makes a fresh, empty database and gives its SQLAlchemy address; all go with the test."""
    with ExitStack() as databases:

        def fresh() -> str:
            url = databases.enter_context(servers.fresh_database(postgres_server))
            return url.render_as_string(hide_password=False)

        yield fresh


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
