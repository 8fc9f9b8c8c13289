"""A load generator of its own process: so many clients, each sending the next command when the last is answered.

It speaks HTTP/1.1 over kept connections with prepared bytes, so that what is measured is the server and not the client.
It goes to loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import uuid

import uvloop

HOST = "127.0.0.1"


def transaction(number: int, book_accounts: list[str]) -> dict[str, object]:
    amount = f"{1 + number % 900}.{number % 100:02d}"
    category = book_accounts[1 + number % (len(book_accounts) - 1)]
    return {
        "date": f"2026-{1 + number % 9:02d}-{1 + number % 28:02d}",
        "payee": f"Payee {number % 500}",
        "memo": "weekly shopping",
        "postings": [
            {"account": category, "amount": amount, "commodity": "BRL"},
            {"account": book_accounts[0], "amount": f"-{amount}", "commodity": "BRL"},
        ],
    }


def request(port: int, path: str, body: object) -> bytes:
    payload = json.dumps(body, separators=(",", ":")).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {uuid.uuid4().hex}\r\nContent-Length: {len(payload)}\r\n\r\n"
    ).encode() + payload


async def client(port: int, requests: list[bytes], until: float, latencies_s: list[float], ok: bytes) -> int:
    """Send prepared requests in turn until the time is up; the number of those refused."""
    reader, writer = await asyncio.open_connection(HOST, port)
    refused = 0
    for prepared in requests:
        started = time.perf_counter()
        if started >= until:
            break
        writer.write(prepared)
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        place = lowered.index(b"content-length:") + 15
        await reader.readexactly(int(lowered[place : lowered.index(b"\r", place)]))
        latencies_s.append(time.perf_counter() - started)
        refused += not head.startswith(ok)
    writer.close()
    return refused


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    accounts: list[str] = arguments.accounts.split(",")
    batch: int = arguments.batch
    path = f"/v1/books/{arguments.book}/" + ("transactions" if batch == 1 else "commands")
    prepared: list[list[bytes]] = []
    number = 0
    for _ in range(arguments.clients):
        mine = []
        for _ in range(max(arguments.most // arguments.clients, 1)):
            bodies = [transaction(number + i, accounts) for i in range(batch)]
            number += batch
            commands = [{"type": "record-transaction", "data": body} for body in bodies]
            mine.append(
                request(arguments.port, path, bodies[0] if batch == 1 else {"atomic": True, "commands": commands})
            )
        prepared.append(mine)
    ok = b"HTTP/1.1 20"
    latencies_s: list[float] = []
    started = time.perf_counter()
    until = started + arguments.seconds
    refused = sum(await asyncio.gather(*[client(arguments.port, mine, until, latencies_s, ok) for mine in prepared]))
    seconds = time.perf_counter() - started
    latencies_s.sort()
    count = len(latencies_s)
    return {
        "transactions_a_second": (count - refused) * batch / seconds,
        "requests": count,
        "refused": refused,
        "p50_ms": 1000 * latencies_s[count // 2],
        "p99_ms": 1000 * latencies_s[min(count - 1, count * 99 // 100)],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--book", required=True)
    parser.add_argument("--accounts", required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--most", type=int, default=40_000)
    print(json.dumps(uvloop.run(run(parser.parse_args()))))
