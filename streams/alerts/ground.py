"""What the alerts stand on: the broker's topics, as ports that infra implements.

A topic that was made anew is another topic, whatever its name: its offsets mean something else, and it lacks what the
old one had. So everything kept beside a topic names the id that the broker gave it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


class BrokerAway(Exception):
    """Kafka does not answer, or lacks a topic that another role makes. The text says what to do, without addresses."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The topics that a worker stands on. `generation` changes with the id of any of them, and with it everything is
    folded again from the beginning.
    """

    events: str
    alerts: str
    changelog: str
    partitions: int
    generation: str


class Topics(Protocol):
    """The broker's topics, as infra finds and makes them. Its methods block."""

    @property
    def servers(self) -> list[str]:
        """`host:port` of each broker."""
        ...

    def ground(self) -> Ground:
        """The three topics, those of alerts and of the watches made where they are missing; raises `BrokerAway`."""
        ...

    def waiting(self, group: str, partitions: Collection[int]) -> int:
        """Records of these partitions of events behind what the group has committed; raises `BrokerAway`."""
        ...
