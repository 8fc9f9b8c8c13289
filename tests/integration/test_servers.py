"""The tests' own servers: as durable as a household's, and gone with the last process that used them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from pymongo import MongoClient

from tests import servers

KILLED_WHILE_USING_IT = """
import os, signal, sys
from pathlib import Path
from tests import servers

with servers.shared("postgres", Path(sys.argv[1])) as address:
    print(address, flush=True)
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


def test_each_database_of_documents_is_new_and_apart_and_takes_transactions(mongo_url: Callable[[], str]) -> None:
    clients: list[MongoClient[dict[str, Any]]] = [MongoClient(mongo_url()) for _ in range(2)]
    one, other = (client.get_default_database() for client in clients)
    with clients[0].start_session() as session, session.start_transaction():
        one["kept"].insert_one({"_id": 1}, session=session)
    assert one.list_collection_names() == ["kept"]
    assert other.list_collection_names() == []
    for client in clients:
        client.close()


def test_a_record_is_read_as_it_was_published_and_no_topic_is_made_by_accident(
    kafka_servers: str, kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}.events"
    admin = KafkaAdminClient(bootstrap_servers=kafka_servers)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    producer = KafkaProducer(bootstrap_servers=kafka_servers, acks="all", max_request_size=1_100_000)
    producer.send(topic, b"x" * 1_048_576, key=b"book").get(30)
    producer.close()
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka_servers, auto_offset_reset="earliest")
    record = next(consumer)
    consumer.close()
    assert (record.key, len(record.value)) == (b"book", 1_048_576)
    assert f"{kafka_prefix}.other" not in admin.list_topics()
    admin.delete_topics([topic])
    admin.close()


def test_a_broken_server_of_ones_own_comes_back_on_the_same_data_and_port(tmp_path: Path) -> None:
    with servers.own_postgres(tmp_path) as own:
        engine = sa.create_engine(own.address, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE kept AS SELECT 7 AS id"))
        own.kill()
        with pytest.raises(sa.exc.OperationalError):
            engine.connect()
        own.start()
        own.pause()
        assert not own.server.is_ready()
        own.resume()
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT id FROM kept")) == 7


def test_a_killed_run_leaves_no_server_and_no_folder(tmp_path: Path) -> None:
    if servers.GIVEN["postgres"] in os.environ:
        pytest.skip("the server is not ours to end")
    run = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_USING_IT, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False
    )
    keeper = tmp_path / "postgres-keeper"
    folder = Path(keeper.read_text()).parent
    gone = sa.create_engine(run.stdout.strip(), poolclass=sa.NullPool)

    with (
        servers.shared("postgres", tmp_path) as address,
        sa.create_engine(address, poolclass=sa.NullPool).connect() as connection,
    ):
        # A run that follows at once may still meet the old keeper: what it gets works, and goes with it.
        assert connection.scalar(sa.text("SELECT 1")) == 1
        used = Path(keeper.read_text()).parent
    assert not used.exists()
    until = time.monotonic() + servers.KEEPER_END_S
    while folder.exists() and time.monotonic() < until:
        threading.Event().wait(0.02)
    assert not folder.exists()
    with pytest.raises(sa.exc.OperationalError):
        gone.connect()
