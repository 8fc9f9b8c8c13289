"""The other processes of a server: started beside it, started again where one ends unasked, ended with it."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Sequence

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""A process that ends unasked is started again after a pause that doubles from the one to the other."""

HEALTHY_AFTER_S = 60.0
"""A process that ran so long begins anew with the shortest pause."""

STOP_TIMEOUT_S = 20.0
"""A process that has not ended so long after it was asked to is killed: nothing that it does is lost by that."""

LOOK_S = 0.5
"""The longest that the end of a process goes unnoticed."""

logger = logging.getLogger(__name__)


class Children:
    """Processes of `program`, one a role, each the program's first argument. They log where this one does."""

    def __init__(self, program: Sequence[str], roles: Sequence[str]) -> None:
        self._program = program
        self._roles = roles
        self._told_to_end = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for role in self._roles:
            thread = threading.Thread(target=self._keep, args=(role,), name=f"child-{role}")
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        self._told_to_end.set()
        for thread in self._threads:
            thread.join()

    def fault(self) -> str | None:
        """None: the API goes on without them, and what lags says so where it is asked."""
        return None

    def _keep(self, role: str) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._told_to_end.is_set():
            began = time.monotonic()
            # A session of its own, as Ctrl-C at a terminal is for the server, which ends the others in its turn; a pipe
            # to each, so that they end with a server that is killed. What a person is told, the server tells.
            child = subprocess.Popen(
                [*self._program, role], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            while child.poll() is None and not self._told_to_end.wait(LOOK_S):
                pass
            _end(child)
            if self._told_to_end.is_set():
                return
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            logger.error("finshift %s ended with code %s, started again in %.0f s", role, child.returncode, pause_s)
            self._told_to_end.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin is not None:
        child.stdin.close()
