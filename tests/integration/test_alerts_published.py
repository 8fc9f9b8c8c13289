"""What the budgets raise, on the real topic: sent, not sent again by a rebuild, and sent again to a topic made anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.parts import Together
from domain.budgets import BudgetId, Every, Period, SetBudget
from domain.money import Amount
from infra.kafka.alerts import KafkaAlertTopics
from projections import budgets
from streams.alerts.publishing import AlertPublisher
from tests.house import House
from tests.watched import (
    BRL,
    FIRST_DAY,
    MovingClock,
    alerts_on,
    ids,
    make_topic,
    open_household,
    remove_topics,
    spend,
)

TOLD_LIMIT_S = 30.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A household that has spent all of its budget, and more, on two days."""
    clock = MovingClock()
    house = House(tmp_path, clock=clock)
    home = open_household(house, "Home")
    limit = Amount(100_000, BRL)
    house.ask(home.book, SetBudget(BudgetId(ids.new()), home.food, limit, Period(Every.MONTH, 1, FIRST_DAY)))
    for day, minor in ((6, 85_000), (7, 20_000)):
        clock.at = datetime(2026, 1, day, 15, tzinfo=UTC)
        spend(house, home, clock.at.date(), minor, "Padaria Aurora")
    house.runner.catch_up()
    yield house
    house.close()


@pytest.fixture
def topics(kafka_servers: str, kafka_prefix: str) -> KafkaAlertTopics:
    make_topic(kafka_servers, f"{kafka_prefix}.events", 3)
    return KafkaAlertTopics(kafka_servers, kafka_prefix)


def publisher(house: House, topics: KafkaAlertTopics) -> AlertPublisher:
    return AlertPublisher(house.models, [budgets.raised], topics)


def raised(house: House) -> set[str]:
    with house.models.read() as connection:
        return {row.alert_id for row in connection.execute(budgets.raised.table.select())}


def told(topics: KafkaAlertTopics) -> list[str]:
    return [alert for alert, _ in alerts_on(",".join(topics.servers), topics.alerts)]


def test_what_the_budgets_raise_is_published_once(house: House, topics: KafkaAlertTopics) -> None:
    assert publisher(house, topics).publish_once() == 2
    assert publisher(house, topics).publish_once() == 0

    assert sorted(told(topics)) == sorted(raised(house))


def test_budgets_that_are_rebuilt_send_nothing_again(house: House, topics: KafkaAlertTopics) -> None:
    publisher(house, topics).publish_once()

    house.runner.rebuild(budgets.NAME)

    assert len(raised(house)) == 2
    assert publisher(house, topics).publish_once() == 0


def test_a_topic_that_was_lost_is_filled_again(house: House, topics: KafkaAlertTopics, kafka_servers: str) -> None:
    publisher(house, topics).publish_once()
    remove_topics(kafka_servers, topics.alerts)

    assert publisher(house, topics).publish_once() == 2
    assert sorted(told(topics)) == sorted(raised(house))


def test_projections_and_publisher_run_and_end_as_one(house: House, topics: KafkaAlertTopics) -> None:
    stop = threading.Event()
    both = Together(house.runner, publisher(house, topics))
    running = threading.Thread(target=both.run, args=(stop,))
    running.start()

    look_again = threading.Event()
    for _ in range(int(TOLD_LIMIT_S * 10)):
        if len(told(topics)) == 2:
            break
        look_again.wait(0.1)
    stop.set()
    running.join(TOLD_LIMIT_S)

    assert not running.is_alive()
    assert sorted(told(topics)) == sorted(raised(house))


def test_a_publisher_waits_for_a_broker_that_is_away_and_ends_when_it_is_told_to(
    house: House, topics: KafkaAlertTopics, caplog: pytest.LogCaptureFixture
) -> None:
    away = KafkaAlertTopics("127.0.0.1:9", "nobody")
    stop = threading.Event()
    waiting = threading.Thread(target=publisher(house, away).run, args=(stop,))
    waiting.start()
    following = threading.Thread(target=publisher(house, topics).run, args=(stop,))
    following.start()

    look_again = threading.Event()
    for _ in range(int(TOLD_LIMIT_S * 10)):
        if len(told(topics)) == 2 and "wait for Kafka" in caplog.text:
            break
        look_again.wait(0.1)
    stop.set()
    waiting.join(TOLD_LIMIT_S)
    following.join(TOLD_LIMIT_S)

    assert not waiting.is_alive()
    assert not following.is_alive()
    assert sorted(told(topics)) == sorted(raised(house))
    assert "wait for Kafka" in caplog.text
    assert "127.0.0.1:9" not in "".join(message for message in caplog.messages if "wait for Kafka" in message)
