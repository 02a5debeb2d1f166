#!/usr/bin/env python3
"""What an idle event stream costs: resident memory of the release program for each open one.

Usage: benches/streams.py [PROGRAM]   (target/release/gateway)

Streams of both protocol eras: `subscriptions/listen`, which needs nothing else, and the GET of a
session, its session included; beside them a connection that was kept alive after one request, which
is part of both. The cost of one is the growth between a third of them and all, so that what the
first ones warm up does not count.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import figure
from home import DEADLINE_SECS, Home, end, memory

ROOT = Path(__file__).resolve().parent.parent
BUDGET_KB = 12
# Sessions that one grant may have, and grants.
PER_TOKEN, TOKENS = 16, 12
SETTLE_SECS = 2
MODERN = "2026-07-28"
LEGACY = "2025-11-25"


def mint(home, number):
    """A bearer token that can read."""
    argv = [home.program, "mint-token", "--name", f"bench-{number}", "--scope", "observe", "--json"]
    made = subprocess.run(argv, env=home.environment, check=True, capture_output=True, text=True)
    return json.loads(made.stdout)["token"]


def ask(port, token, head, message=None):
    """Sends a request; answers with the connection, and the head of its answer and what followed."""
    body = json.dumps(message).encode() if message else b""
    lines = [
        f"{'POST' if message else 'GET'} /mcp HTTP/1.1", f"host: 127.0.0.1:{port}",
        f"authorization: Bearer {token}", "accept: application/json, text/event-stream", *head,
    ]
    if message:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    stream = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECS)
    stream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = stream.recv(4096)
        if not part:
            break
        answer += part
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 202 ")):
        sys.exit(f"the gateway answered {answer[:300]!r}")
    return stream, answer.decode()


def idle(port, _):
    """A connection that has had its answer."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECS)
    stream.sendall(f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    if not stream.recv(4096).startswith(b"HTTP/1.1 200 "):
        sys.exit("/healthz did not answer")
    return stream


def listen(port, token):
    """A `subscriptions/listen` that stays open."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    params = {"notifications": {"resourcesListChanged": True}, "_meta": meta}
    head = [f"mcp-protocol-version: {MODERN}", "mcp-method: subscriptions/listen"]
    message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
    stream, answer = ask(port, token, head, message)
    streams(answer)
    return stream


def session(port, token):
    """The GET stream of a new session."""
    client = {"name": "bench", "version": "1"}
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client}
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    stream, answer = ask(port, token, [], message)
    stream.close()
    lines = answer.lower().split("\r\n")
    ids = [line.removeprefix("mcp-session-id: ") for line in lines if line.startswith("mcp-session-id: ")]
    head = [f"mcp-session-id: {ids[0]}", f"mcp-protocol-version: {LEGACY}"]
    stream, _ = ask(port, token, head, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    stream.close()
    stream, answer = ask(port, token, head)
    streams(answer)
    return stream


def streams(answer):
    if "content-type: text/event-stream" not in answer.lower():
        sys.exit(f"no event stream: {answer}")


def cost(program, name, open_one, budget=None):
    with tempfile.TemporaryDirectory(prefix="gateway-streams-") as folder:
        home = Home(folder, program)
        process, _, _ = home.start()
        tokens = [mint(home, number) for number in range(TOKENS)]
        opened, grown = [], []
        for token in tokens:
            opened += [open_one(home.port, token) for _ in range(PER_TOKEN)]
            if len(opened) in (PER_TOKEN * TOKENS // 3, PER_TOKEN * TOKENS):
                time.sleep(SETTLE_SECS)
                grown.append((len(opened), memory(process)[0]))
        (few, small), (all_of_them, large) = grown
        each = (large - small) * 1e6 / 1024 / (all_of_them - few)
        figure.show(f"{name} (RSS)", [each], "KB", budget, n=all_of_them)
        for stream in opened:
            stream.close()
        end(process)


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/gateway").resolve()
    print(json.dumps(figure.machine()))
    cost(program, "an idle connection", idle)
    cost(program, "an idle event stream, subscriptions/listen", listen, BUDGET_KB)
    cost(program, "an idle event stream, GET and its session", session, BUDGET_KB)
    figure.table()


main()
