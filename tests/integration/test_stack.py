"""`finshift stack`: servers that come up, tell the truth of themselves, are found again, and keep what they hold."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from sqlalchemy import make_url

from domain.errors import Rejected
from infra.stack import kafka
from infra.stack.local import LocalStack
from tests import servers

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240
TOPIC = "kept"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Run]:
    """Runs `finshift stack ...` on a data folder of its own; whatever runs there is ended behind the test."""
    data = tmp_path / "household's data"

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.bootstrap", "stack", *arguments],
            env={**os.environ, "FINSHIFT_DATA_DIR": str(data), **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    yield run
    done = run("down")
    assert done.returncode == 0, done.stderr


def told(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return {item["server"]: item for item in json.loads(done.stdout)}


def evaluated(exports: str) -> dict[str, str]:
    """What a shell knows once it has evaluated the lines."""
    done = subprocess.run(["sh", "-c", f"{exports}\nenv -0"], capture_output=True, text=True, check=True, env={})
    pairs = (line.partition("=") for line in done.stdout.split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("FINSHIFT_")}


def write_everywhere(settings: Mapping[str, str]) -> None:
    with connected(settings["FINSHIFT_STORE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 7 AS id")
    with documents(settings["FINSHIFT_DOCUMENTS_URL"]) as client:
        client.get_default_database()["kept"].insert_one({"_id": 7})
    admin = KafkaAdminClient(bootstrap_servers=settings["FINSHIFT_KAFKA_SERVERS"])
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=settings["FINSHIFT_KAFKA_SERVERS"], acks="all")
    producer.send(TOPIC, b"7").get(30)
    producer.close()


def read_everywhere(settings: Mapping[str, str]) -> list[int]:
    with connected(settings["FINSHIFT_STORE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM kept")
        (row,) = cursor.fetchall()
    with documents(settings["FINSHIFT_DOCUMENTS_URL"]) as client:
        (document,) = client.get_default_database()["kept"].find()
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=settings["FINSHIFT_KAFKA_SERVERS"], auto_offset_reset="earliest")
    record = next(consumer)
    consumer.close()
    return [row[0], document["_id"], int(record.value)]


def connected(address: str) -> Any:
    url = make_url(address)
    return psycopg2.connect(host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database)


def documents(address: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(address)


def lives(pid: int) -> bool:
    """Whether the process runs; the remains of one that ended belong to whoever adopted it."""
    stat_of = Path(f"/proc/{pid}/stat")
    return stat_of.exists() and " Z " not in stat_of.read_text()


def test_the_stack_keeps_what_it_holds_whatever_ends_it(stack: Run, tmp_path: Path) -> None:
    assert told(stack("status", "--json")) == {}
    refused = stack("env", "--json")
    assert (refused.returncode, json.loads(refused.stderr)["code"]) == (1, "stack_down")

    first = told(stack("up", "--json"))
    assert {name: item["state"] for name, item in first.items()} == {
        "PostgreSQL": "running",
        "MongoDB": "running",
        "Kafka": "running",
    }
    assert [item["version"].split(".")[0] for item in first.values()] == ["18", "6", "4"]
    assert all(item["address"].startswith("127.0.0.1:") and Path(item["log"]).exists() for item in first.values())
    settings = evaluated(stack("env").stdout)
    assert settings == json.loads(stack("env", "--json").stdout)
    write_everywhere(settings)

    # Up once more changes nothing.
    assert told(stack("up", "--json")) == first

    # One is killed, another one hangs: status tells, and up mends.
    os.kill(first["PostgreSQL"]["pid"], signal.SIGKILL)
    os.kill(first["MongoDB"]["pid"], signal.SIGSTOP)
    broken = told(stack("status", "--json"))
    assert {name: item["state"] for name, item in broken.items()} == {
        "PostgreSQL": "stopped",
        "MongoDB": "silent",
        "Kafka": "running",
    }
    assert stack("env").returncode == 1
    mended = told(stack("up", "--json"))
    assert {item["state"] for item in mended.values()} == {"running"}
    assert mended["PostgreSQL"]["pid"] != first["PostgreSQL"]["pid"]
    assert mended["Kafka"]["pid"] == first["Kafka"]["pid"]
    assert read_everywhere(settings) == [7, 7, 7]

    # Down ends all of it; the next up finds the data at the same addresses.
    ended = told(stack("down", "--json"))
    assert {item["state"] for item in ended.values()} == {"stopped"}
    assert not any(lives(item["pid"]) for item in mended.values())
    assert "stopped" in stack("status").stdout
    assert {item["state"] for item in told(stack("up", "--json")).values()} == {"running"}
    assert evaluated(stack("env").stdout) == settings
    assert read_everywhere(settings) == [7, 7, 7]

    # Nobody gets in without the password, and only its owner may read it.
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connected(settings["FINSHIFT_STORE_URL"].replace("finshift:", "finshift:not-"))
    open_door = f"mongodb://{told(stack('status', '--json'))['MongoDB']['address']}/?directConnection=true"
    with documents(open_door) as stranger, pytest.raises(OperationFailure):
        stranger["finshift"]["kept"].find_one()
    choices = next(tmp_path.glob("*/stack/choices.json"))
    assert stat.S_IMODE(choices.stat().st_mode) == 0o600


def test_a_port_that_someone_else_took_is_named_and_nobody_is_ended(tmp_path: Path) -> None:
    with servers.own_mongo(tmp_path) as own:
        own.end()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", own.server.port))
            stranger.listen()
            with pytest.raises(Rejected) as refused:
                own.start()
        assert (refused.value.code, refused.value.params["port"]) == ("stack_port_taken", own.server.port)
        own.start()
        assert own.server.is_ready()


def test_a_note_of_a_process_that_is_another_ones_by_now_ends_nobody(tmp_path: Path) -> None:
    with servers.own_mongo(tmp_path) as own, subprocess.Popen([str(shutil.which("sleep")), "600"]) as stranger:
        path = own.server.home / "process"
        note = json.loads(path.read_text())
        own.end()
        path.write_text(json.dumps({**note, "pid": stranger.pid}))
        assert own.server.pid() is None
        own.kill()
        own.end()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_cannot_start_is_told_with_its_own_words_and_its_log(tmp_path: Path) -> None:
    with servers.own_mongo(tmp_path) as own:
        own.end()
        for file in own.server.data.glob("*.wt"):
            file.write_bytes(b"not what it was")
        with pytest.raises(Rejected) as refused:
            own.start()
    assert refused.value.code == "stack_server_failed"
    assert "it ended" in str(refused.value.params["reason"])
    assert refused.value.params["log"] == str(own.server.log)


def test_what_is_missing_is_named_with_how_to_install_it(stack: Run, tmp_path: Path) -> None:
    refused = stack("up", "--json", PATH="/nowhere", JAVA_HOME=str(tmp_path))
    problem = json.loads(refused.stderr)
    assert (refused.returncode, problem["code"]) == (1, "stack_needs")
    assert problem["params"]["what"].startswith("Java 17")
    assert "openjdk-17-jre-headless" in problem["detail"]


def test_only_one_at_a_time_starts_servers(tmp_path: Path) -> None:
    with (tmp_path / "busy").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Rejected) as refused:
            LocalStack(tmp_path).up()
    assert refused.value.code == "stack_busy"
    assert not (tmp_path / "choices.json").exists()


def test_a_fetch_that_breaks_off_is_told_and_leaves_no_half_of_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    maven = programs / "mvn"
    maven.write_text('#!/bin/sh\nmkdir jars && touch jars/kafka_half.jar\necho "no route to the repository"; exit 1\n')
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(kafka, "_PROJECT", tmp_path)
    with pytest.raises(Rejected) as refused:
        kafka.fetch(tmp_path / "stack")
    assert refused.value.code == "stack_not_fetched"
    assert "no route to the repository" in str(refused.value.params["reason"])
    assert [path.name for path in (tmp_path / "stack").iterdir()] == ["lock"]
