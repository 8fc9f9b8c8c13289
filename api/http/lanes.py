"""Lanes: the few threads that blocking work of one kind takes its turn on.

A lane has a limit to how many run and to how many wait, so that slow work never takes the program with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from domain.errors import Rejected

R = TypeVar("R")


class Lane:
    def __init__(self, name: str, threads: int, max_taken: int) -> None:
        """`max_taken`: how many may be running or waiting at once; one more is answered "busy"."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._max_taken = max_taken
        self._taken = 0

    async def turn(self, work: Callable[[], R]) -> R:
        """Run blocking work on one of the lane's threads. Called on the loop alone."""
        if self._taken >= self._max_taken:
            raise Rejected("busy", retry_after_s=1)
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Finish what was taken."""
        self._pool.shutdown()
