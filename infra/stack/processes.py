"""Local servers as processes: started apart from whoever asked, found again by the next one who asks, and ended.

The rule it keeps: only a process that was certainly started here is signalled. A server and all its children hold a
lock on a file in the server's folder for as long as they live, so that "it is gone" means that all of it is; the
note of the process id carries the moment it began, which no other process of that number shares.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from domain.errors import Rejected

START_TIMEOUT_S = 90
"""From nothing to the first answer: 8 s for the slowest, Kafka; the rest is for a machine that is busy."""

STOP_TIMEOUT_S = 30
"""A clean end writes what is in memory; after this the server is killed, and recovers when it starts again."""

CHILDREN_TIMEOUT_S = 15
"""How long the children of a killed server may take to notice."""

ANSWER_TIMEOUT_S = 2
"""How long a server that is asked whether it is there may take."""

STEP_TIMEOUT_S = 120
"""The longest that a program which prepares a server's folder may take."""

MAX_LOG_BYTES = 10_000_000
"""A log longer than this is put aside at the next start; one older log is kept."""

LOOPBACK = "127.0.0.1"

LOWEST_PORT = 20_000
"""Below are the ports that programs are known by."""

_LOOK_AGAIN_S = 0.05
_TOLD_CHARACTERS = 400


class Account(TypedDict, total=False):
    """The part of a child process's options that says whose rights it has."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """One server in a folder of its own: how it is prepared, started, asked and ended.

    `prepare` makes what the program needs before it starts, `settle` what it needs once it answers; both find what an
    earlier, broken off attempt left, and go on from there.
    """

    name: str
    home: Path
    port: int
    command: tuple[str, ...]
    answers: Callable[[], bool]
    is_ready: Callable[[], bool]
    prepare: Callable[[], None]
    settle: Callable[[], None]
    end_signal: signal.Signals = signal.SIGTERM
    account: Account = field(default_factory=Account)

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def data(self) -> Path:
        """The server's data, and the folder in which it runs."""
        return self.home / "data"

    def start(self) -> None:
        """Have it run and ready; where it does already nothing is done. `stack_server_failed`, `stack_port_taken`."""
        if self.pid() is None:
            self._launch()
        else:
            self.resume()
        self._wait_for(self.answers)
        self.settle()
        self._wait_for(self.is_ready)

    def end(self) -> None:
        """End it cleanly, a paused one too; kill it where it does not end in time. Nothing of it is left."""
        pid = self.pid()
        if pid is not None:
            _signal([pid], self.end_signal)
            self.resume()
            if not _has_ended(pid, STOP_TIMEOUT_S):
                self.kill()
        self._wait_for_children()

    def kill(self) -> None:
        """End it as a crash would: at once, with all its children, nothing written."""
        pid = self.pid()
        if pid is not None:
            _signal(_family(pid), signal.SIGKILL)
            _has_ended(pid, CHILDREN_TIMEOUT_S)
        self._wait_for_children()

    def pause(self) -> None:
        """Stop it in its tracks, children included, with every connection left open."""
        if (pid := self.pid()) is not None:
            _signal(_family(pid), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        if (pid := self.pid()) is not None:
            _signal(_family(pid), signal.SIGCONT)

    def pid(self) -> int | None:
        """The process id of the running server; None where there is none."""
        try:
            note = json.loads((self.home / "process").read_bytes())
        except (OSError, ValueError):
            return None
        pid = note.get("pid")
        return pid if isinstance(pid, int) and _began(pid) == note.get("began") else None

    def _launch(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._wait_for_children()
        self.prepare()
        if not is_free(self.port):
            raise Rejected("stack_port_taken", server=self.name, port=self.port)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.rename(self.home / "log.1")
        alive = os.open(self.home / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self.log.open("ab") as output:
                process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.data,
                    pass_fds=[alive],
                    start_new_session=True,  # Ctrl-C at whoever started it is not meant for it
                    **self.account,
                )
        finally:
            os.close(alive)
        _children[process.pid] = process
        note = self.home / "process.new"
        note.write_text(json.dumps({"pid": process.pid, "began": _began(process.pid)}))
        note.rename(self.home / "process")

    def _wait_for(self, reached: Callable[[], bool]) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while not reached():
            pid = self.pid()
            if pid is None or _has_ended(pid, _LOOK_AGAIN_S):
                raise self._failed("it ended")
            if time.monotonic() > until:
                raise self._failed(f"no answer in {START_TIMEOUT_S} s")

    def _wait_for_children(self) -> None:
        """Return when no process of this server is left, nor one that it started."""
        alive = self.home / "alive"
        if not alive.exists():
            return
        until = time.monotonic() + CHILDREN_TIMEOUT_S
        while not _can_lock(alive):
            if time.monotonic() > until:
                raise self._failed(f"a part of the one before did not end in {CHILDREN_TIMEOUT_S} s")
            threading.Event().wait(_LOOK_AGAIN_S)

    def _failed(self, reason: str) -> Rejected:
        told = ""
        with suppress(OSError):
            told = " / ".join(self.log.read_text(errors="replace").splitlines()[-5:])[-_TOLD_CHARACTERS:]
        return Rejected("stack_server_failed", server=self.name, reason=f"{reason}: {told}", log=str(self.log))


def step(server: str, command: list[str], folder: Path, account: Account, log: Path) -> None:
    """Run a program that prepares a server's folder; `stack_server_failed` where it fails, its words in the log."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=STEP_TIMEOUT_S,
            check=False,
            **account,
        )
    except subprocess.TimeoutExpired:
        reason = f"{Path(command[0]).name} took longer than {STEP_TIMEOUT_S} s"
        raise Rejected("stack_server_failed", server=server, reason=reason, log=str(log)) from None
    if done.returncode:
        told = (done.stdout + done.stderr).strip()
        with log.open("a") as output:
            output.write(f"{told}\n")
        reason = f"{Path(command[0]).name}: {told[-_TOLD_CHARACTERS:]}"
        raise Rejected("stack_server_failed", server=server, reason=reason, log=str(log))


def is_free(port: int) -> bool:
    """Whether a server could listen at the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, each another one, none of those that the kernel gives to outgoing connections.

    A client that tries again and again to reach a server that is down would one day be given the server's own port, be
    connected with itself, and keep the server from starting.
    """
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    lowest = min(LOWEST_PORT, outgoing // 2)
    candidates = range(lowest, outgoing)
    chosen: list[int] = []
    for port in secrets.SystemRandom().sample(candidates, len(candidates)):
        if len(chosen) == count:
            break
        if is_free(port):
            chosen.append(port)
    return chosen


_children: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this very process started: it has to take note of their end, or they stay in the process table."""


def _has_ended(pid: int, within_s: float) -> bool:
    """Whether the process has ended; waits that long for it."""
    if (child := _children.get(pid)) is not None:
        try:
            child.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        del _children[pid]
        return True
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], within_s)[0])
    finally:
        os.close(handle)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _family(pid: int) -> list[int]:
    """The process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    family = [pid]
    for member in family:
        family.extend(children.get(member, []))
    return family


def _began(pid: int) -> str | None:
    """When the process began, in clock ticks of this very boot; None where there is none, or only its remains."""
    fields = _stat(pid)
    if fields is None or fields[0] == "Z":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{fields[19]}"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on: state, parent, ... ; the 20th of these is the start time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _can_lock(path: Path) -> bool:
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def check_platform() -> None:
    """`stack_needs` anywhere but on Linux: the servers' packages are for it alone."""
    if not sys.platform.startswith("linux"):
        raise Rejected("stack_needs", what="Linux", install="docker compose up")
