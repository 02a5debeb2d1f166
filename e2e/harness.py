"""What every end-to-end suite stands on: a scratch home, a scripted model, a gateway, a client.

Each `Lab` has folders, ports and processes of its own below one temporary folder and ends them all.
Nothing here sleeps for a fixed time: it waits for files, ports, events and states, with deadlines.
"""

import asyncio
import contextlib
import html.parser
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
GATEWAY = Path(os.environ.get("GATEWAY_BINARY", ROOT / "target/debug/gateway"))
DEADLINE_SECS = 90


class Failure(Exception):
    """A promise of the program that does not hold; the text says which."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def until(what, probe, deadline_secs=DEADLINE_SECS):
    """Waits until `probe()` answers something true, and returns it."""
    end = time.monotonic() + deadline_secs
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise Failure(f"waited {deadline_secs} s for {what}")


class Lab:
    """A workstation of its own: home, project, model, gateway."""

    def __init__(self, scenarios, name="lab"):
        self.folder = Path(tempfile.mkdtemp(prefix=f"gateway-{name}-"))
        self.home = self.folder / "home"
        self.project = self.folder / "project"
        self.home.mkdir()
        self.processes = []
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{TOOLS / 'claude'}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "GATEWAY_CONFIG": str(self.folder / "config.toml"),
            "GATEWAY_STATE_DIR": str(self.folder / "state"),
            "GATEWAY_RUNTIME_DIR": str(self.folder / "run"),
        }
        self.model_log = self.folder / "model.jsonl"
        self.model_url = self._start_model(scenarios)
        self.gateway = None

    # --- processes ---------------------------------------------------------------------------

    def spawn(self, argv, **options):
        process = subprocess.Popen([str(word) for word in argv], **options)
        self.processes.append(process)
        return process

    def _start_model(self, scenarios):
        file = self.folder / "scenarios.json"
        file.write_text(json.dumps(scenarios))
        process = self.spawn(
            [sys.executable, ROOT / "e2e/scripted_model.py", "--port", "0", "--scenarios", file,
             "--log", self.model_log, "--log-bodies", "--parent-pid", os.getpid()],
            stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        expect(line.startswith("listening on "), f"the scripted model said {line!r}")
        return "http://" + line.split()[-1]

    def configure(self, extra=""):
        """Writes the configuration: the project, and the agent pointed at the scripted model."""
        (self.folder / "config.toml").write_text(f"""
[secrets]
backend = "file"
[executors.claude]
env_pass = ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "DISABLE_TELEMETRY",
            "DISABLE_ERROR_REPORTING"]
[projects.demo]
path = "{self.project}"
default = true
{extra}
""")
        self.environment |= {
            "ANTHROPIC_BASE_URL": self.model_url,
            "ANTHROPIC_API_KEY": "not-a-real-key",
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
        }

    def run(self, *arguments, check=True, stdin=None):
        """Runs a command of the gateway and returns it with its output."""
        done = subprocess.run([GATEWAY, *map(str, arguments)], env=self.environment, text=True,
                              input=stdin, capture_output=True, timeout=DEADLINE_SECS)
        if check:
            expect(done.returncode == 0,
                   f"gateway {' '.join(map(str, arguments))} exited {done.returncode}: {done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.run("--json", *arguments).stdout)

    def serve(self, *flags, environment=None, listen="127.0.0.1:0"):
        """Starts the gateway and waits until it says that it is ready; returns that line."""
        number = len(list(self.folder.glob("serve-*.log")))
        log = open(self.folder / f"serve-{number}.log", "wb")
        self.gateway = self.spawn(
            [GATEWAY, "--json", "-vv", "serve", "--listen", listen, "--no-open", *flags],
            env=self.environment | (environment or {}), stdout=subprocess.PIPE, stderr=log,
            stdin=subprocess.DEVNULL, text=True)
        # A gateway that never gets ready is ended, which ends the reading of its lines.
        limit = threading.Timer(DEADLINE_SECS, self.gateway.kill)
        limit.start()
        try:
            while True:
                line = self.gateway.stdout.readline()
                expect(line, f"the gateway ended before it was ready: {self.logs()[-2000:]}")
                event = json.loads(line)
                if event["event"] == "ready":
                    return event
        finally:
            limit.cancel()

    def logs(self):
        return "".join(f.read_text(errors="replace") for f in sorted(self.folder.glob("serve-*.log")))

    def stop(self, with_signal=signal.SIGTERM):
        self.gateway.send_signal(with_signal)
        self.gateway.wait(timeout=30)

    def close(self):
        """Ends everything; returns whether the gateway had to be killed for it."""
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        stuck = False
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                stuck |= process.args[0] == str(GATEWAY)
                process.kill()
                process.wait()
        self._end_runs()
        if os.environ.get("GATEWAY_E2E_KEEP"):
            print(f"kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return stuck

    def _end_runs(self):
        """Agents outlive their gateway; those of this lab are ended through their shims."""
        def shims():
            found = []
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    words = file.read_bytes()
                    if b"__shim" in words and str(self.folder).encode() in words:
                        found.append(int(file.parent.name))
            return found

        for pid in shims():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until("the lab's agents to end", lambda: not shims(), 30)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(f"--- end of the gateway's log\n{self.logs()[-3000:]}", file=sys.stderr)
        stuck = self.close()
        expect(error is not None or not stuck, "the gateway had not ended 15 s after SIGTERM")

    # --- project -----------------------------------------------------------------------------

    def git(self, *arguments, cwd=None):
        done = subprocess.run(["git", *arguments], cwd=cwd or self.project, text=True,
                              capture_output=True, env={"HOME": str(self.home), "PATH": os.environ["PATH"],
                              "GIT_CONFIG_GLOBAL": "/dev/null"})
        expect(done.returncode == 0, f"git {arguments}: {done.stderr}")
        return done.stdout

    def make_project(self):
        """A repository with a commit, a stash, a staged and an unstaged change, and a hook."""
        self.project.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Owner")
        self.git("config", "user.email", "owner@example.invalid")
        (self.project / "app.txt").write_text("one\ntwo\nthree\n")
        (self.project / "other.txt").write_text("other\n")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "first")
        (self.project / "other.txt").write_text("stashed\n")
        self.git("stash", "-q")
        (self.project / "staged.txt").write_text("staged\n")
        self.git("add", "staged.txt")
        (self.project / "other.txt").write_text("unstaged\n")
        (self.project / "untracked.txt").write_text("untracked\n")
        hook = self.project / ".git/hooks/post-checkout"
        hook.write_text(f"#!/bin/sh\ntouch {self.folder}/hook-ran\n")
        hook.chmod(0o755)

    def owner_snapshot(self):
        """All bytes of the owner's repository and files, but for the branches of tasks."""
        found = {}
        for path in sorted(self.project.rglob("*")):
            name = str(path.relative_to(self.project))
            if name.startswith(".git/objects") or name.startswith(".git/refs/heads/gateway"):
                continue
            found[name] = (oct(path.lstat().st_mode), path.read_bytes() if path.is_file() else None)
        return found

    # --- model -------------------------------------------------------------------------------

    def model_requests(self):
        if not self.model_log.exists():
            return []
        return [json.loads(line) for line in self.model_log.read_text().splitlines()]

    def control(self, method, path):
        import urllib.request
        request = urllib.request.Request(self.model_url + "/control/" + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait_at_gate(self, gate):
        until(f"a model request at gate {gate}",
              lambda: self.control("GET", "gates").get("waiting", {}).get(gate))

    def open_gate(self, gate):
        self.control("POST", f"gates/{gate}")


class Form(html.parser.HTMLParser):
    """The fields of a page's form."""

    def __init__(self):
        super().__init__()
        self.action, self.fields = None, {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action")
        elif tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value", "")


class Storage:
    """The client's own memory of tokens and registration."""

    def __init__(self, client_info):
        self.client_info, self.tokens = client_info, None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


class McpUser:
    """The Python SDK's client; its person consents with the code.

    It is known by static credentials, by a metadata document, or, without either, by registering.
    """

    CALLBACK = "http://127.0.0.1:18999/callback"

    def __init__(self, lab, url, client_id, client_secret, auth_method="client_secret_basic",
                 edge=None, document=None):
        import httpx2
        from mcp.client.auth import OAuthClientProvider
        from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

        self.lab, self.url, self.edge = lab, url, edge
        self.consents = 0
        metadata = {
            "redirect_uris": [self.CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": auth_method if client_secret else "none",
        }
        information = client_id and OAuthClientInformationFull(
            client_id=client_id, client_secret=client_secret, **metadata)
        self.storage = Storage(information)
        self.auth = OAuthClientProvider(
            url, OAuthClientMetadata(**metadata), self.storage,
            redirect_handler=self.consent, callback_handler=self._callback,
            client_metadata_url=document)
        self.http = lambda **more: httpx2.AsyncClient(**self._network(), timeout=60, **more)

    def _network(self):
        """Through an edge double the public name resolves and TLS verifies by its proxy."""
        if self.edge is None:
            return {}
        import ssl
        return {"proxy": self.edge.proxy_url,
                "verify": ssl.create_default_context(cafile=self.edge.ca_file)}

    async def consent(self, authorization_url):
        """What a person does in the browser: reads the page, types the code, taps Allow. Returns where
        the browser is sent then."""
        self.consents += 1
        code = self.lab.json("pair")["code"]
        async with self.http() as browser:
            page = await browser.get(authorization_url)
            expect(page.status_code == 200, f"consent page: {page.status_code} {page.text[:300]}")
            form = Form()
            form.feed(page.text)
            fields = form.fields | {"code": code, "decision": "allow"}
            target = urllib.parse.urljoin(authorization_url, form.action)
            origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(target))
            answer = await browser.post(target, data=fields, headers={"Origin": origin})
        expect(answer.status_code == 303, f"consent: {answer.status_code} {answer.text[:300]}")
        location = answer.headers["location"]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
        self.answer = {key: values[0] for key, values in query.items()}
        return location

    async def _callback(self):
        from mcp.client.auth import AuthorizationCodeResult
        return AuthorizationCodeResult(
            code=self.answer["code"], state=self.answer["state"], iss=self.answer.get("iss"))

    @contextlib.asynccontextmanager
    async def connect(self, mode="auto"):
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client
        async with self.http(auth=self.auth) as http:
            async with Client(streamable_http_client(self.url, http_client=http), mode=mode) as client:
                yield McpSession(client)


class McpSession:
    """Calls tools and checks that every answer keeps the contract."""

    def __init__(self, client):
        self.client = client

    async def raw(self, tool, **arguments):
        return await self.client.call_tool(tool, arguments)

    async def call(self, tool, **arguments):
        result = await self.raw(tool, **arguments)
        text = result.content[0].text
        expect(not result.is_error, f"{tool}: {text}")
        return result.structured_content, text

    async def until_over(self, task_id):
        """Follows a task by `check_task` as a chat does; returns the last answer and the calls made."""
        cursor, calls = None, 0
        while True:
            arguments = {"task_id": task_id, "wait_seconds": 45}
            if cursor is not None:
                arguments["cursor"] = cursor
            data, _ = await self.call("check_task", **arguments)
            calls += 1
            expect(calls < 500, f"task {task_id} does not end: {data}")
            cursor = data["cursor"]
            if data["state"] in ("completed", "failed", "cancelled", "interrupted", "needs_input"):
                return data, calls


def main(suite):
    """Runs `suite` (name -> function of no arguments) and prints one line a case."""
    wanted = sys.argv[1:] or list(suite)
    failed = 0
    for name in wanted:
        if name not in suite:
            print(f"no case {name}; there are {', '.join(suite)}", file=sys.stderr)
            sys.exit(2)
        started = time.monotonic()
        try:
            outcome = suite[name]()
            if asyncio.iscoroutine(outcome):
                asyncio.run(outcome)
            print(f"ok    {name}  ({time.monotonic() - started:.1f} s)", flush=True)
        except Exception as error:  # a case that fails in an unforeseen way has failed as well
            failed += 1
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            print(f"FAIL  {name}: {error}", flush=True)
            traceback.print_exception(error)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
