"""The gate: what holds for every request, before any door.

A household's books on a loopback address must not be reachable through a page of somebody else's. So requests are taken
under the names of this machine alone (a foreign name that resolves here is a rebinding attack), and commands from this
server's own pages or from no page at all.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.answering import problem_response
from api.http.metering import Meter
from api.http.reading import Disconnected
from commands.faults import without_words
from commands.ports import Ids
from domain.errors import Rejected

logger = logging.getLogger(__name__)

MAX_OPEN_REQUESTS = 1_024
"""Requests being answered at once: four times the clients it is measured with, and each may hold a body."""

MAX_KNOWN_HOSTS = 100
"""Host names remembered as this machine's, so that each is judged once."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_EVERYWHERE = [
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
]
_NO_CONTENT_LOADED = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""For everything but pages, which bring their own: an answer shown in a browser runs and loads nothing."""
_NOT_KEPT = (b"cache-control", b"no-store")
"""For everything but a page's parts, which hold nothing of anybody and say themselves how long they may be kept."""


class Gate:
    """Pure ASGI: it looks at a request's headers and adds an answer's, and costs microseconds.

    `bind`: the address beyond loopback that the settings allow, if any. Then the port in `Host` is that of whatever
    publishes it, and the address itself is a name of this machine too.
    """

    def __init__(self, app: ASGIApp, *, bind: str | None, meter: Meter, ids: Ids) -> None:
        self.app = app
        self._bind = bind
        self._meter = meter
        self._ids = ids
        self._known_hosts: set[tuple[bytes, int]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        has_begun = False

        async def tell(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                headers = message["headers"] = list(message["headers"])
                told = {name for name, _ in headers}
                if b"content-security-policy" not in told:
                    headers.append(_NO_CONTENT_LOADED)
                if b"cache-control" not in told:
                    headers.append(_NOT_KEPT)
                headers.extend(_EVERYWHERE)
            await send(message)

        self._meter.begin()
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await problem_response(refusal.code, refusal.params)(scope, receive, tell)
            else:
                await self.app(scope, receive, tell)
        except Disconnected:
            pass
        except Exception as defect:
            await self._crashed(scope, receive, tell, defect, has_begun=has_begun)
        finally:
            self._meter.end(scope, status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> Rejected | None:
        if self._meter.open > MAX_OPEN_REQUESTS:
            return Rejected("busy", retry_after_s=1)
        host = origin = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
        port = scope["server"][1] if scope.get("server") else 0
        if host is None or not self._is_ours(host, port):
            return Rejected("host_refused", host=_shown(host or b""))
        if scope["method"] in _SAFE_METHODS:
            return None
        if origin is not None and origin != scope["scheme"].encode() + b"://" + host:
            return Rejected("origin_refused", origin=_shown(origin))
        if origin is None and site is not None and site not in (b"same-origin", b"none"):
            return Rejected("origin_refused", origin="another site")
        return None

    def _is_ours(self, host: bytes, port: int) -> bool:
        if (host, port) in self._known_hosts:
            return True
        name, _, told_port = (
            host.decode("latin-1").rpartition(":") if _has_port(host) else (host.decode("latin-1"), "", "80")
        )
        ours = _is_loopback(name) or (self._bind is not None and name.strip("[]") == self._bind)
        ours = ours and (self._bind is not None or told_port == str(port))
        # Few names are ours whatever is tried, so what is kept of them stays small.
        if ours and len(self._known_hosts) < MAX_KNOWN_HOSTS:
            self._known_hosts.add((host, port))
        return ours

    async def _crashed(self, scope: Scope, receive: Receive, send: Send, defect: Exception, *, has_begun: bool) -> None:
        """Answer a defect: the log gets its kind and place under an id, the client the id."""
        request = self._ids.new()
        told = {"request": request, "method": scope["method"]}
        logger.error("a request crashed: %s", without_words(defect), extra=told)
        if not has_begun:
            await problem_response("internal_error", {"request": request})(scope, receive, send)


def _has_port(host: bytes) -> bool:
    return host.rpartition(b":")[2].isdigit() and (host.count(b":") == 1 or b"]:" in host)


def _is_loopback(name: str) -> bool:
    name = name.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _shown(value: bytes) -> str:
    return value.decode("latin-1")[:100]


def loopback_only(hosts: Iterable[str]) -> bool:
    """Whether every one of these addresses is loopback."""
    return all(_is_loopback(host) for host in hosts)
