"""What holds at every door: who may knock, what an answer carries, and what is there to look at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.http import shapes
from api.http.app import create_app
from api.http.gate import Gate, loopback_only
from api.http.metering import Meter
from infra.bootstrap import open_parts
from infra.clock import TimeOrderedIds
from infra.settings import Settings
from tests.e2e.http.conftest import ADDRESS, Doors, Home, problem, spending


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000", "127.8.8.8:8000"])
def test_this_machine_is_let_in_under_its_own_names(doors: Doors, host: str) -> None:
    assert doors.ask("GET", "/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "books.example:8000",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8001",
        "127.0.0.1.example:8000",
        "",
        "[::1",
        "10.0.0.1:8000",
    ],
)
def test_a_name_of_somebody_else_is_refused_whatever_it_resolves_to(doors: Doors, host: str) -> None:
    problem(doors.ask("GET", "/v1/books", headers={"Host": host}), 403, "host_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_from_elsewhere_cannot_send_commands(home: Home, headers: dict[str, str]) -> None:
    before = home.version()
    answer = home.doors.ask("POST", f"{home.path}/transactions", json=spending(), headers=headers)
    problem(answer, 403, "origin_refused")
    assert home.version() == before


def test_this_server_s_own_page_can(home: Home) -> None:
    headers = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
    assert home.doors.ask("POST", f"{home.path}/transactions", json=spending(), headers=headers).status_code == 201


def test_no_answer_may_be_read_or_kept_by_others(doors: Doors) -> None:
    for path in ("/healthz", "/v1/books", "/v1/nowhere", "/", "/docs"):
        headers = doors.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_what_is_not_there_is_a_problem_too(doors: Doors) -> None:
    problem(doors.get("/v1/nothing"), 404, "path_unknown")
    problem(doors.get("/v1/books/"), 404, "path_unknown")
    answer = doors.ask("PUT", "/v1/books")
    problem(answer, 405, "method_unknown")
    assert answer.headers["allow"] == "GET, POST"
    problem(doors.ask("DELETE", "/v1/books/x/transactions"), 405, "method_unknown")


def test_a_defect_is_told_without_its_details(doors: Doors, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("a secret")

    gate = Gate(broken, bind=None, meter=Meter(), ids=TimeOrderedIds())
    client = Doors(doors.parts, gate)  # type: ignore[arg-type]
    told = problem(client.get("/healthz"), 500, "internal_error")
    assert "secret" not in str(told)
    assert told["params"]["request"] in str(vars(caplog.records[-1]))
    client._loop.close()


def test_a_container_is_reached_under_the_address_and_port_it_is_published_at() -> None:
    async def alive(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    gate = Gate(alive, bind="0.0.0.0", meter=Meter(), ids=TimeOrderedIds())
    assert status_of(gate, "127.0.0.1:18000") == 204
    assert status_of(gate, "localhost:80") == 204
    assert status_of(gate, "books.example:8000") == 403


def status_of(gate: Gate, host: str) -> int:
    sent: list[Any] = []

    async def ask() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "headers": [(b"host", host.encode())],
            "server": ("172.17.0.2", 8000),
        }
        await gate(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    return int(sent[0]["status"])


def test_more_requests_at_once_than_the_limit_are_told_to_come_back(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.http.gate.MAX_OPEN_REQUESTS", 0)
    answer = doors.get("/v1/books")
    problem(answer, 503, "busy")
    assert int(answer.headers["retry-after"]) >= 1


def test_loopback_is_told_from_what_others_can_reach() -> None:
    assert loopback_only(["127.0.0.1", "::1", "localhost"])
    for host in ("0.0.0.0", "::", "192.168.0.2", "example.org", ""):
        assert not loopback_only([host])


def test_the_measurements_speak_of_routes_and_of_nobody(home: Home) -> None:
    home.spend(payee="Corner Market")
    home.doors.get("/some/body/s/path")
    answer = home.doors.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'route="/v1/books/{book}/transactions",status="201"' in answer.text
    assert 'finshift_projection_lag_events{projection="balances"}' in answer.text
    assert "finshift_commands_queued 0.0" in answer.text
    for told in (home.id, home.name, "Corner", "somebody", "/some/body"):
        assert told not in answer.text


def test_readiness_tells_of_the_store_and_the_read_models(home: Home) -> None:
    home.doors.follow()
    told = home.doors.get("/readyz").json()
    assert (told["ready"], told["store"]) == (True, "reachable")
    assert told["reason"] is None
    assert {projection["lag"] for projection in told["projections"]} == {0}


def test_a_program_that_takes_no_command_or_follows_no_log_is_not_ready(tmp_path: Path) -> None:
    faults = [None, "OSError"]
    with open_parts(Settings(data_dir=tmp_path)) as parts:
        doors = Doors(parts, create_app(parts, lambda: faults[-1]))
        stopped = doors.get("/readyz")
        assert (stopped.status_code, stopped.json()["ready"]) == (503, False)
        assert stopped.json()["reason"] == "the projections stopped: OSError"
        faults.pop()
        assert doors.get("/readyz").status_code == 200
        parts.bus.close()
        closed = doors.get("/readyz")
        assert (closed.status_code, closed.json()["ready"]) == (503, False)
        assert closed.json()["reason"] == "no command is taken"
        shapes.ReadyOut.model_validate(closed.json())
        doors.close()


def test_the_documentation_loads_nothing_from_elsewhere(doors: Doors) -> None:
    page = doors.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "http" not in page.text.replace("https-equiv", "")
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "show.js"):
        assert doors.get(f"/docs/{asset}").status_code == 200
        assert f"/docs/{asset}" in page.text
    problem(doors.get("/docs/../gate.py"), 404, "path_unknown")
    problem(doors.get("/docs/favicon.png"), 404, "path_unknown")


def test_a_defect_behind_a_route_is_a_problem_too_and_its_words_stay_out_of_the_log(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        words = ["secret", "payee"]  # the frames in a log show their lines of source
        raise ZeroDivisionError(" ".join(words))

    app = create_app(doors.parts)
    app.add_api_route("/broken", broken)
    client = Doors(doors.parts, app)
    told = problem(client.get("/broken"), 500, "internal_error")
    crashes = [record for record in caplog.records if "crashed" in record.getMessage()]
    assert [vars(record)["request"] for record in crashes] == [told["params"]["request"]]
    assert "ZeroDivisionError" in caplog.text
    assert "broken" in caplog.text
    assert "secret payee" not in caplog.text
    client.close()
