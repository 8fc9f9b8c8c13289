"""Waiting for the store to grow.

Commits of this process wake who waits at once. Those of other processes are found by looking at the store's end; one
thread looks for all that wait, so that a thousand followers cost the database no more than one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_EVERY_S = 0.02
"""How often the store's end is looked at for commits of other processes, while somebody waits."""


class End:
    """The store's last position as this process knows it."""

    def __init__(self, look: Callable[[], int]) -> None:
        self._look = look
        self._changed = threading.Condition()
        self._position = 0
        self._looking = False

    def reached(self, position: int) -> None:
        """This process has committed up to a position."""
        with self._changed:
            if position > self._position:
                self._position = position
                self._changed.notify_all()

    def wait(self, after_position: int, timeout_s: float) -> bool:
        """Wait until the end lies beyond a position; False where it did not in time."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while self._position <= after_position:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    return False
                if self._looking:
                    self._changed.wait(left_s)
                else:
                    self._look_for_all(after_position, until)
        return True

    def _look_for_all(self, after_position: int, until: float) -> None:
        """Look until the own wait is over; then another waiter takes its turn."""
        self._looking = True
        try:
            while self._position <= after_position:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.release()
                try:
                    position = self._look()
                finally:
                    self._changed.acquire()
                if position > self._position:
                    self._position = position
                    self._changed.notify_all()
                elif self._position <= after_position:
                    self._changed.wait(min(LOOK_EVERY_S, left_s))
        finally:
            self._looking = False
            self._changed.notify_all()
