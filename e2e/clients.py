#!/usr/bin/env python3
"""The client matrix: real programs × ways to become known × what happened since the sign-in.

Usage: clients.py [--reduced] [--require all] [--way WAY]... [CLIENT...]

A row is a program that is known to the gateway in one way: by static credentials, by registering
itself (dynamic), by the metadata document that its id names (document). Its cells end in a real
`tools/call`, whose answer is checked: right after the sign-in (fresh), after the access token has run
out (expired: a refresh must be seen), after a restart of the gateway (restarted), and before and after
one by a program that runs on meanwhile (connected). The owner is asked once a row, and nothing is tried
twice.

A way that the gateway's metadata does not offer is "not offered"; with `--require all` that fails.
`--reduced` keeps every client's fresh cells, and all of Claude Code and the Python SDK.
"""

import argparse
import contextlib
import json
import secrets
import signal
import sqlite3
import sys
import time
import traceback
import urllib.parse
import urllib.request

from client_programs import PROGRAMS, TOOL
from harness import Lab, expect

SCENARIOS = {
    "default": "hello",
    "scenarios": {
        "hello": {"turns": [{"text": "Hello."}]},
        "call": {"turns": [
            {"text": "Looking.", "tools": [{"name": f"mcp__gw__{TOOL}", "input": {}}]},
            {"text": "Answered: {{tool_result}}"},
        ]},
    },
}
# What the owner's configuration allows besides, and what the metadata says when that is offered.
WAYS = {
    "static": (None, lambda metadata: True),
    "dynamic": ("dcr", lambda metadata: "registration_endpoint" in metadata),
    "document": ("cimd", lambda metadata: metadata.get("client_id_metadata_document_supported") is True),
}
MOMENTS = ("fresh", "expired", "restarted", "connected")
# Whose cells a reduced run keeps whole.
WHOLE = ("claude-code", "python")


@contextlib.contextmanager
def gateway(way):
    """A lab whose gateway takes clients in `way`; None when it has no such way."""
    with Lab(SCENARIOS, "clients") as lab:
        lab.make_project()
        lab.word = secrets.token_hex(8)
        registration, offered = WAYS[way]
        extra = f'description = "{lab.word}"\n'
        if registration:
            extra += f'[auth]\nregistration = ["static", "{registration}"]\n'
        lab.configure(extra)
        checked = lab.run("config", "check", check=False)
        if checked.returncode != 0:
            expect("auth.registration" in checked.stdout + checked.stderr, f"config: {checked}")
            yield None
            return
        ready = lab.serve("--tunnel", "none")
        lab.url = ready["connector_url"]
        lab.listen = urllib.parse.urlsplit(ready["local_url"]).netloc
        where = urllib.parse.urljoin(lab.url, "/.well-known/oauth-authorization-server")
        with urllib.request.urlopen(where, timeout=10) as answer:
            yield lab if offered(json.load(answer)) else None


class Row:
    """One program, known in one way, from its sign-in on."""

    def __init__(self, lab, program, way):
        self.lab = lab
        self.credentials = lab.json("mint-client", "--name", "matrix") if way == "static" else {}
        self.way, self.client = way, program(lab, lab.url, way, self.credentials)

    def fresh(self):
        self.client.sign_in()
        self.judge(self.client.call())

    def expired(self):
        """Every access token has run out: for the gateway in its database, for the client in its own."""
        self.lab.stop()
        spent = self.good_tokens()
        with contextlib.closing(self._database("rw")) as database, database:
            database.execute("UPDATE tokens SET expires_at = 1 WHERE kind = 'access'")
        self.client.age()
        self.serve_again()
        self.judge(self.client.call())
        expect(self.good_tokens() - spent, "the access token ran out, and nothing was refreshed")

    def restarted(self):
        """What was given before the restart is good after it: no sign-in, no refresh."""
        self.lab.stop()
        with self.no_new_token():
            self.serve_again()
            self.judge(self.client.call())

    def connected(self):
        """A client that runs on over the restart goes on with what it holds, its session too."""
        with self.client.connected() as call:
            self.judge(call())
            self.lab.stop()
            with self.no_new_token():
                self.serve_again()
                self.judge(call())

    @contextlib.contextmanager
    def no_new_token(self):
        before = self.good_tokens()
        yield
        expect(self.good_tokens() == before, "the restart made the client refresh a good token")

    def serve_again(self):
        ready = self.lab.serve("--tunnel", "none", listen=self.lab.listen)
        expect(ready["connector_url"] == self.lab.url, f"another address after the restart: {ready}")

    def judge(self, answer):
        """What the tool answered has the word that only this gateway knows, at the first try."""
        expect(self.lab.word in answer, f"{TOOL} answered {answer[-1500:]!r}")
        expect(str(self.lab.project) not in answer, "a project's path was told")
        asked = list(self.client.asked_as())
        expect(len(asked) == 1, f"the owner was asked {len(asked)} times: {asked}")
        known = self.credentials.get("client_id", asked[0])
        expect(asked[0] == known and asked[0].startswith("https://") == (self.way == "document"),
               f"it came as {asked[0]}, which is not the {self.way} client")
        with contextlib.closing(self._database("ro")) as database:
            grants = database.execute("SELECT id, revoked_reason FROM token_families").fetchall()
        expect(len(grants) == 1 and grants[0][1] is None, f"not one living grant: {grants}")
        refused = list(self.refused())
        expect(not refused, f"not at the first try: {refused}")
        secret = self.credentials.get("client_secret")
        expect(not secret or secret not in self.lab.logs(), "the client's secret is in the log")

    def refused(self):
        """What the gateway refused or failed at, but for the challenge that a sign-in begins with."""
        for line in self.lab.logs().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("message") != "answered":
                continue
            request, status = event["spans"][0], event["fields"]["status"]
            if status >= 400 and (status, request["path"]) != (401, "/mcp"):
                yield f"{request['method']} {request['path']}: {status}"

    def good_tokens(self):
        """The access tokens that are good at this moment, by digest."""
        with contextlib.closing(self._database("ro")) as database:
            return set(database.execute(
                "SELECT digest FROM tokens WHERE kind = 'access' AND expires_at > ?",
                (time.time() * 1000,)))

    def _database(self, mode):
        file = self.lab.folder / "state/gateway.db"
        return sqlite3.connect(f"file:{file}?mode={mode}", uri=True, timeout=10)


def run_row(name, way, moments):
    """The row's results by moment: (result, seconds), and what went wrong."""
    results, problem, begun = {}, None, time.monotonic()
    try:
        with gateway(way) as lab:
            row = Row(lab, PROGRAMS[name], way)
            for moment in moments:
                begun = time.monotonic()
                getattr(row, moment)()
                results[moment] = ("ok", time.monotonic() - begun)
    except Exception as error:  # a row that fails in an unforeseen way has failed as well
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        problem = error
        traceback.print_exception(error)
        left = [moment for moment in moments if moment not in results]
        if left:
            results[left[0]] = ("FAIL", time.monotonic() - begun)
            results |= dict.fromkeys(left[1:], ("not reached", 0))
    return results, problem


def draw(table, notes):
    """Client × column × result with seconds, and then what is to be said of it."""
    lines = [["client", "known as", *MOMENTS]]
    for (name, way), cells in table.items():
        program = PROGRAMS[name]
        line = [f"{program.name} {program.version()}", way]
        for moment in MOMENTS:
            result, secs = cells.get(moment, ("", 0))
            line.append(f"{result} {secs:.1f} s" if secs else result)
        lines.append(line)
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print(" | ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    for note in notes:
        print(note)


def main():
    parser = argparse.ArgumentParser(description="The client matrix.")
    parser.add_argument("--reduced", action="store_true", help="what every change runs")
    parser.add_argument("--require", choices=["all"], help="a way that is not offered is a failure")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this way")
    parser.add_argument("client", nargs="*", help=f"only these: {', '.join(PROGRAMS)}")
    wanted = parser.parse_args()
    for name in wanted.client:
        if name not in PROGRAMS:
            parser.error(f"no client {name}; there are {', '.join(PROGRAMS)}")

    # The programs run in sessions of their own, where the signal does not reach them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ways = wanted.way or list(WAYS)
    absent = [way for way in ways if not is_offered(way)]
    table, notes, failed = {}, [], bool(absent and wanted.require)
    for name in wanted.client or PROGRAMS:
        moments = MOMENTS if not wanted.reduced or name in WHOLE else MOMENTS[:1]
        cannot = PROGRAMS[name].cannot
        left_out = {moment: ("–", 0) for moment in moments if moment in cannot}
        notes += [f"–  {name}, {moment}: {cannot[moment]}" for moment in left_out]
        moments = [moment for moment in moments if moment not in cannot]
        for way in ways:
            if why := cannot.get(way):
                table[name, way] = dict.fromkeys(moments, ("–", 0)) | left_out
                notes.append(f"–  {name}, {way}: {why}")
                continue
            if way in absent:
                table[name, way] = dict.fromkeys(moments, ("not offered", 0)) | left_out
                continue
            cells, problem = run_row(name, way, moments)
            for moment, (result, secs) in cells.items():
                print(f"{result:<5} {name} {way} {moment}  ({secs:.1f} s)", flush=True)
            table[name, way] = cells | left_out
            if problem:
                failed = True
                notes.append(f"FAIL  {name}, {way}: {problem}")
    draw(table, notes)
    if absent:
        print(f"the gateway does not offer: {', '.join(absent)}")
    sys.exit(1 if failed else 0)


def is_offered(way):
    with gateway(way) as lab:
        return lab is not None


if __name__ == "__main__":
    main()
