"""Following: the projections beside a server, which is of no use without them.

Where they stop for a fault that does not pass, that is told to whoever asks, and the server has to end: commands would
still be taken, and nothing of them ever be seen.
"""

from __future__ import annotations

import logging
import threading
from traceback import format_tb

from streams.runner import ProjectionReplaced, ProjectionRunner

logger = logging.getLogger(__name__)


class Following:
    """A thread in which the projections follow the log, from `start` to `end`."""

    def __init__(self, runner: ProjectionRunner) -> None:
        self._runner = runner
        self._told_to_end = threading.Event()
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="projections")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop behind the batch that is being applied."""
        self._told_to_end.set()
        self._thread.join()

    def fault(self) -> str | None:
        """Why the projections stopped unasked, without private text; None while they follow."""
        return self._fault

    def _run(self) -> None:
        try:
            self._runner.run(self._told_to_end)
        except BaseException as fault:
            # The text of an error may hold what people wrote; its name and where it was raised do not.
            reason = str(fault) if isinstance(fault, ProjectionReplaced) else type(fault).__name__
            where = "".join(format_tb(fault.__traceback__))
            logger.critical("the projections stopped, so the program ends: %s", reason, extra={"where": where})
            self._fault = reason
