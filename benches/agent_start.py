#!/usr/bin/env python3
"""From `start_task` to the agent's first model request, against running the agent by hand.

Usage: .tools/python/bin/python benches/agent_start.py [ROUNDS]   (15; after e2e/setup.sh)

Real Claude Code against the scripted model, all ways in turns, so that what else the machine does
meets all of them: by hand with the gateway's own arguments, through `tools/call start_task` of a
project without isolation, and of one whose tasks get a clone. Claude Code takes hundreds of
milliseconds to start, with a spread above the budget; so the same is also measured with an agent
that only tells when it was started, and there `by hand` is spawning it. The paired differences are
the figures.

Where others delete many files, ext4 looks long for an inode that was not used a moment ago, and each
new file costs milliseconds: `TMPDIR=/dev/shm` takes the disk out of the figures.
"""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

import figure

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("GATEWAY_BINARY", str(ROOT / "target/release/gateway"))
sys.path.insert(0, str(ROOT / "e2e"))
from harness import TOOLS, Failure, Lab, McpUser, expect, until  # noqa: E402

BUDGET_MS = 30
SCENARIOS = {"default": "hello", "scenarios": {"hello": {"turns": [{"text": "Hello."}]}}}
# What the gateway's allow-list lets through of a lab's environment, and what it adds.
PASSED = ("HOME", "PATH", "LANG", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR",
          "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING")
ADDED = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "4",
         "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1"}


class Chat:
    """One connection with a token; calls `start_task` and waits for the end of the task."""

    def __init__(self, url, token):
        address = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(address.netloc, timeout=60)
        self.connection.connect()
        self.headers = {
            "authorization": f"Bearer {token}", "content-type": "application/json",
            "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call", "mcp-name": "start_task",
        }

    def start_task(self, project):
        """Returns the moment before the request was sent, and the answer after the task's end."""
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"}}
        arguments = {"prompt": "[scenario:hello] say hello", "project": project, "wait_seconds": 45}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "start_task", "arguments": arguments, "_meta": meta}})
        began = time.time()
        self.connection.request("POST", "/mcp", body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        expect(answer.status == 200, f"start_task: {answer.status} {text}")
        if answer.headers["content-type"].startswith("text/event-stream"):
            text = [line for line in text.splitlines() if line.startswith("data: {")][-1][6:]
        return began, json.loads(text)["result"]


async def token_of(lab, ready, client):
    user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
    async with user.connect() as session:
        await session.call("list_projects")
    return user.storage.tokens.access_token


class Bench(Lab):
    """A lab with a project without isolation, one with, and a chat that is signed in."""

    def __init__(self, name, **environment):
        super().__init__(SCENARIOS, name)
        self.make_project()
        shutil.copytree(self.project, self.folder / "cloned")
        self.configure(f'isolation = "none"\n[projects.cloned]\npath = "{self.folder}/cloned"')
        self.environment |= environment
        client = self.json("mint-client")
        ready = self.serve("--tunnel", "none")
        self.chat = Chat(ready["connector_url"], asyncio.run(token_of(self, ready, client)))
        passed = {name: self.environment[name] for name in PASSED}
        self.agent_environment = passed | ADDED

    def argv(self):
        return ["-p", "--output-format=stream-json", "--input-format=stream-json", "--verbose",
                f"--session-id={uuid.uuid4()}", "--permission-prompt-tool=stdio",
                "--permission-mode=default", "--setting-sources=", "--strict-mcp-config"]

    def by_hand(self, program):
        """Runs the agent as a person's script would; returns the moment before the start."""
        line = {"type": "user", "message": {"role": "user", "content": "[scenario:hello] say hello"}}
        began = time.time()
        process = subprocess.Popen(
            [program, *self.argv()], cwd=self.project, env=self.agent_environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # The agent that only tells the time reads nothing.
        process.wait(timeout=60)
        return began

    def first_request(self, known):
        """When the model was first asked since it had been asked `known` times."""
        def asked():
            new = self.model_requests()[known:]
            return [entry["time"] for entry in new
                    if entry.get("path", "").startswith("/v1/messages") and not entry.get("side")]
        return until("a model request", asked)[0]


def in_turns(rounds, ways):
    """Milliseconds of each way, by its name; the first round warms up and does not count."""
    times = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            took = way() * 1000
            if number:
                times[name].append(took)
    return times


def tell(what, times, hand):
    for name, values in times.items():
        figure.show(f"{what}, {name}", values, "ms")
    for name, values in times.items():
        if name != hand:
            over = [ours - theirs for ours, theirs in zip(values, times[hand], strict=True)]
            budget = BUDGET_MS if "no isolation" in name else None
            figure.show(f"{what}, {name} over {hand}", over, "ms", budget)


def with_claude(rounds):
    with Bench("agent-start") as bench:
        def by_hand():
            known = len(bench.model_requests())
            began = bench.by_hand(TOOLS / "claude/claude")
            return bench.first_request(known) - began

        def by_task(project):
            known = len(bench.model_requests())
            began, result = bench.chat.start_task(project)
            state = result["structuredContent"]["state"]
            expect(state == "completed", f"the task is {state}: {result}")
            return bench.first_request(known) - began

        times = in_turns(rounds, {
            "by hand": by_hand,
            "start_task, no isolation": lambda: by_task("demo"),
            "start_task, clone": lambda: by_task("cloned"),
        })
    tell("first model request of Claude Code", times, "by hand")


def with_stand_in(rounds):
    with Lab({"default": "echo", "scenarios": {}}, "stand-in") as place:
        stamp, program = place.folder / "stamp", place.folder / "agent"
        program.write_text(f'#!/bin/bash\nprintf %s "$EPOCHREALTIME" >{stamp}.new\n'
                           f"mv {stamp}.new {stamp}\n")
        program.chmod(0o755)
        with Bench("agent-exec", GATEWAY_EXECUTORS__CLAUDE__COMMAND=str(program)) as bench:
            def timed(start):
                stamp.unlink(missing_ok=True)
                began = start()
                return float(until("the agent", lambda: stamp.exists() and stamp.read_text())) - began

            times = in_turns(rounds, {
                "by hand": lambda: timed(lambda: bench.by_hand(program)),
                "start_task, no isolation": lambda: timed(lambda: bench.chat.start_task("demo")[0]),
                "start_task, clone": lambda: timed(lambda: bench.chat.start_task("cloned")[0]),
            })
    tell("start of a stand-in agent", times, "by hand")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(json.dumps(figure.machine()))
    with_stand_in(rounds)
    with_claude(rounds)
    figure.table()


try:
    main()
except Failure as failure:
    sys.exit(f"benches/agent_start.py: {failure}")
