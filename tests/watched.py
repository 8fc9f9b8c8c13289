"""Households whose spending is worth an alert, and the alerts that a plain fold of their history raises.

The clock moves with the purchases: what is learnt long after it happened raises nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from domain.alerts import Watch, observe, payee_text
from domain.book import BookId, OpenBook
from domain.ledger import AccountId, OpenAccount, Posting, RecordTransaction, TransactionId, VoidTransaction
from domain.money import ISO_4217, Amount
from infra.clock import TimeOrderedIds
from infra.store import SqlEventStore
from streams.wire import to_record
from tests.house import House

BRL = ISO_4217["BRL"]
FIRST_DAY = date(2026, 1, 5)
PAYEES = ("Padaria Aurora", "Mercado Central", "Farmácia Boa", "Posto Sul")
READ_EVENTS = 5_000
ANSWER_LIMIT_MS = 10_000

ids = TimeOrderedIds()


class MovingClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class Household:
    """A book, its checking account and one category."""

    book: BookId
    checking: AccountId
    food: AccountId


def open_household(house: House, name: str) -> Household:
    home = Household(BookId(ids.new()), AccountId(ids.new()), AccountId(ids.new()))
    house.keys.create(home.book)
    house.ask(home.book, OpenBook(home.book, "BRL", "America/Sao_Paulo", AccountId(ids.new()), name))
    house.ask(home.book, OpenAccount(home.checking, "Assets:Checking"), OpenAccount(home.food, "Expenses:Food"))
    return home


def spend(house: House, home: Household, day: date, minor: int, payee: str) -> TransactionId:
    transaction = TransactionId(ids.new())
    postings = (Posting(home.food, Amount(minor, BRL)), Posting(home.checking, Amount(-minor, BRL)))
    house.ask(home.book, RecordTransaction(transaction, day, postings, payee))
    return transaction


def live(house: House, clock: MovingClock, homes: list[Household], weeks: int, seed: int, first_week: int = 0) -> None:
    """Weeks of ordinary purchases; every sixth week each household spends far more than it uses to, and once in it
    takes such a purchase back.
    """
    dice = random.Random(seed)
    for week in range(first_week, first_week + weeks):
        for weekday in (0, 2, 5):
            day = FIRST_DAY + timedelta(days=7 * week + weekday)
            clock.at = max(clock.at, datetime(day.year, day.month, day.day, 15, tzinfo=UTC))
            for home in homes:
                spend(house, home, day, dice.randint(4_000, 6_000), dice.choice(PAYEES))
                if week % 6 == 5:
                    odd = spend(house, home, day, dice.randint(80_000, 90_000), dice.choice(PAYEES))
                    if weekday == 2:
                        house.ask(home.book, VoidTransaction(odd))


def every_book(_: BookId) -> bool:
    return True


def expected_alerts(store: SqlEventStore, of: Callable[[BookId], bool] = every_book) -> set[str]:
    """The ids that a plain fold of each book's events raises, with nothing of streams in it."""
    found: set[str] = set()
    watches: dict[BookId, Watch] = {}
    position = 0
    while page := store.read(position, READ_EVENTS):
        for recorded in page:
            watch = watches.get(recorded.book, Watch())
            watches[recorded.book], alerts = observe(watch, recorded, payee_text(recorded))
            if of(recorded.book):
                found.update(alert.alert_id for alert in alerts)
        position = page[-1].position
    return found


# The broker's side


def make_topic(servers: str, name: str, partitions: int) -> None:
    administrator = KafkaAdminClient(bootstrap_servers=servers)
    try:
        administrator.create_topics([NewTopic(name, partitions, 1, topic_configs={"retention.ms": "-1"})])
    finally:
        administrator.close()


def remove_topics(servers: str, *names: str) -> None:
    administrator = KafkaAdminClient(bootstrap_servers=servers)
    try:
        administrator.delete_topics(list(names))
    finally:
        administrator.close()


def publish(store: SqlEventStore, servers: str, topic: str, after: int = 0) -> int:
    """Publish the store's events behind a position, as the relay would; the last position."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5, batch_size=256 * 1024, acks="all")
    try:
        while page := store.envelopes_all(after, READ_EVENTS):
            for envelope in page:
                record = to_record(envelope)
                producer.send(topic, key=record.key, value=record.value, headers=record.headers)
            after = page[-1].position
        producer.flush()
    finally:
        producer.close()
    return after


def alerts_on(servers: str, topic: str) -> list[tuple[str, bytes]]:
    """Every alert on the topic as it is now, by id, with its value; repeats included."""
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        if not partitions:
            return []
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[tuple[str, bytes]] = []
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                found += [(dict(record.headers)["ce_id"].decode(), record.value) for record in records]
        return found
    finally:
        consumer.close()
