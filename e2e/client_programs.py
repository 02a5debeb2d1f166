"""The real programs of the client matrix: how each signs in, calls a tool, grows old.

A `Program` has a home of its own below the lab, and an owner with a browser (`owner_browser.py`). Its
`sign_in` and `call` are what a person would type, `connected` is one that stays; `age` makes its own memory of the access token's end
lie in the past, where it keeps one. Nothing of the client is patched, nothing is tried twice.
"""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import pty
import queue
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

from anyio.from_thread import start_blocking_portal

from harness import GATEWAY, ROOT, TOOLS, Failure, McpUser, expect

NODE = TOOLS / "node/node"
# A step of a program: a sign-in, a call. None takes a third of it on two busy cores.
STEP_SECS = 90
TOOL = "list_projects"
# A document that needs no fetching, because a gateway that takes documents brings a copy of it, and whose
# redirect is `/callback` on any port of `localhost`.
DOCUMENT = "https://claude.ai/oauth/claude-code-client-metadata"


def free_port():
    """A port that nobody listens on at the moment, for programs that want to be told one."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def end_group(process):
    """Ends a program with everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Program:
    """One client with its home, pointed at one gateway, known to it in one way."""

    # Its name in the table; the npm package that it is, and in which folder of the tools.
    name = package = folder = None
    # Ways to become known and moments that the program does not have, and why.
    cannot = {}

    def __init__(self, lab, url, way, credentials):
        self.lab, self.url, self.way, self.credentials = lab, url, way, credentials
        self.home = lab.folder / "client"
        (self.home / "tmp").mkdir(parents=True)
        self.port = free_port()
        self.pages = self.home / "pages.jsonl"
        self.environment = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "PATH": f"{self._opener().parent}:{NODE.parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "BROWSER": str(self._opener()),
        }

    @classmethod
    def version(cls):
        """What is really installed; which it should be stands in `setup.sh`."""
        manifest = TOOLS / cls.folder / "node_modules" / cls.package / "package.json"
        return json.loads(manifest.read_text())["version"]

    def _opener(self):
        """What opens a page here; it runs with the owner's environment, not with the client's."""
        file = self.home / "bin/xdg-open"
        if not file.exists():
            file.parent.mkdir()
            own = self.lab.environment | {"GATEWAY_BINARY": str(GATEWAY)}
            words = ["exec", "env", "-i", *(f"{name}={value}" for name, value in own.items()),
                     sys.executable, ROOT / "e2e/owner_browser.py", self.pages]
            file.write_text(f'#!/bin/sh\n{shlex.join(map(str, words))} "$1"\n')
            file.chmod(0o755)
        return file

    # --- what a program overrides --------------------------------------------------------------

    def sign_in(self):
        """Until tokens are stored; nothing where a program signs in with its first call."""

    def connected(self):
        """A context with the program connected; what it gives calls `TOOL` over that one connection, any
        number of times, and returns what the program shows of the answer."""
        raise NotImplementedError

    def call(self):
        """Starts the program, calls `TOOL` once, and returns what the program shows of the answer."""
        with self.connected() as call:
            return call()

    def age(self):
        """Makes the program's own memory of when the access token ends lie in the past."""

    # --- what they share -----------------------------------------------------------------------

    def asked_as(self):
        """The client ids that the owner was asked about so far; each page must have gone well."""
        lines = self.pages.read_text().splitlines() if self.pages.exists() else []
        for page in map(json.loads, lines):
            expect("error" not in page, f"the owner's browser: {page}")
            yield page["client_id"]

    def run(self, *argv, terminal=False, **more):
        """Runs a command to its end, on a terminal if it insists, with `more` in its environment.

        Returns what it printed. The command's own words are never told: secrets are among them.
        """
        environment = self.environment | more
        words = [str(word) for word in argv]
        log = self.home / f"step-{len(list(self.home.glob('step-*')))}.log"
        inner = outer = None
        if terminal:
            outer, inner = pty.openpty()
        with open(log, "wb") as errors:
            process = self.lab.spawn(
                words, env=environment, cwd=self.home, start_new_session=True,
                stdin=inner if terminal else subprocess.DEVNULL,
                stdout=inner if terminal else subprocess.PIPE, stderr=inner if terminal else errors)
        if terminal:
            os.close(inner)
        try:
            printed, in_time = self._read(outer if terminal else process.stdout.fileno())
            if in_time:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=10)
        finally:
            end_group(process)
            os.close(outer) if terminal else process.stdout.close()
        told = f"{printed}{log.read_text(errors='replace')}"[-1500:]
        expect(in_time, f"it did not end in {STEP_SECS} s: {told}")
        expect(process.returncode == 0, f"it exited {process.returncode}: {told}")
        return printed

    @staticmethod
    def _read(source):
        """What a program prints, and whether it stopped printing within the step's limit."""
        printed, end = b"", time.monotonic() + STEP_SECS
        while select.select([source], [], [], max(0, end - time.monotonic()))[0]:
            try:
                piece = os.read(source, 1 << 16)
            except OSError:  # a terminal whose program has gone
                piece = b""
            if not piece:
                return printed.decode(errors="replace"), True
            printed += piece
        return printed.decode(errors="replace"), False

    def edit(self, pattern, change):
        """Applies `change` to the one JSON file that the program keeps its tokens in."""
        found = list(self.home.glob(pattern))
        expect(len(found) == 1, f"{pattern} is {found}")
        content = json.loads(found[0].read_text())
        change(content)
        found[0].write_text(json.dumps(content))


class Conversation:
    """JSON, a line each way, with a program on its stdin and stdout."""

    def __init__(self, program, *argv):
        self.log = program.home / "conversation.log"
        self.process = program.lab.spawn(
            argv, env=program.environment, cwd=program.home, start_new_session=True, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log, "wb"))
        self.lines, self.number = queue.Queue(), 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                self.lines.put(line)
        self.lines.put(None)

    def tell(self, method, **parameters):
        self.send({"jsonrpc": "2.0", "method": method, "params": parameters})

    def ask(self, method, **parameters):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": parameters})
        message = self.await_line(
            method, lambda line: line.get("id") == self.number and "method" not in line)
        expect("error" not in message, f"{method}: {message.get('error')}; {self._told()}")
        return message["result"]

    def call(self):
        """Calls `TOOL` in the words of MCP."""
        return json.dumps(self.ask("tools/call", name=TOOL, arguments={}))

    def send(self, message):
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"it ended before {message}: {self._told()}") from None

    def await_line(self, what, is_wanted):
        """The first line from now on that `is_wanted`."""
        end = time.monotonic() + STEP_SECS
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Failure(f"no answer to {what} in {STEP_SECS} s: {self._told()}") from None
            expect(line is not None, f"it ended instead of answering {what}: {self._told()}")
            message = json.loads(line)
            if is_wanted(message):
                return message

    def _told(self):
        return self.log.read_text(errors="replace")[-1500:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        end_group(self.process)


class ClaudeCode(Program):
    name, package, folder = "Claude Code", "@anthropic-ai/claude-code", "claude"
    program = TOOLS / "claude/claude"
    prompt = "[scenario:call] Which projects are there?"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment |= {
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "ENABLE_TOOL_SEARCH": "false",
            "ANTHROPIC_BASE_URL": self.lab.model_url,
            "ANTHROPIC_API_KEY": "not-a-real-key",
        }

    def sign_in(self):
        words, more = [], {}
        if self.way == "static":
            words = ["--client-id", self.credentials["client_id"], "--client-secret",
                     "--callback-port", self.port]
            more = {"MCP_CLIENT_SECRET": self.credentials["client_secret"]}
        self.run(self.program, "mcp", "add", "--scope", "user", "--transport", "http", *words,
                 "gw", self.url, **more)
        self.run(self.program, "mcp", "login", "gw", terminal=True)

    def call(self):
        """The scripted model calls the tool and says back what it was given."""
        return self.run(self.program, "-p", self.prompt, "--allowedTools", f"mcp__gw__{TOOL}")

    @contextlib.contextmanager
    def connected(self):
        words = ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose",
                 "--allowedTools", f"mcp__gw__{TOOL}"]
        with Conversation(self, self.program, *words) as claude:
            def call():
                claude.send({"type": "user", "message": {"role": "user", "content": self.prompt}})
                return claude.await_line("the prompt", lambda line: line["type"] == "result")["result"]
            yield call

    def age(self):
        def change(content):
            for entry in content["mcpOAuth"].values():
                entry["expiresAt"] = 1
        self.edit(".claude/.credentials.json", change)


class Codex(Program):
    name, package, folder = "Codex", "@openai/codex", "codex"
    program = TOOLS / "codex/codex"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        own = self.home / ".codex"
        own.mkdir()
        self.environment["CODEX_HOME"] = str(own)
        (own / "config.toml").write_text(
            'mcp_oauth_credentials_store = "file"\ncheck_for_update_on_startup = false\n'
            'model = "scripted"\nmodel_provider = "scripted"\n[analytics]\nenabled = false\n'
            '[model_providers.scripted]\nname = "scripted"\nwire_api = "responses"\n'
            f'base_url = "{self.lab.model_url}/v1"\n')

    def sign_in(self):
        if self.way == "static":
            words = ["--oauth-client-id", self.credentials["client_id"],
                     "--oauth-client-secret", self.credentials["client_secret"]]
        else:
            words = ["--oauth-client-registration", {"dynamic": "dcr", "document": "cimd"}[self.way]]
        self.run(self.program, "mcp", "add", "gw", "--url", self.url, *words)

    @contextlib.contextmanager
    def connected(self):
        with Conversation(self, self.program, "app-server") as codex:
            codex.ask("initialize", clientInfo={"name": "client-matrix", "version": "1"})
            codex.tell("initialized")
            thread = codex.ask("thread/start", ephemeral=True)["thread"]["id"]
            yield lambda: json.dumps(codex.ask(
                "mcpServer/tool/call", threadId=thread, server="gw", tool=TOOL, arguments={}))

    def age(self):
        def change(content):
            for entry in content.values():
                entry["expires_at"] = 1
        self.edit(".codex/.credentials.json", change)


class McpRemote(Program):
    name, package, folder = "mcp-remote", "mcp-remote", "mcp-remote"
    program = TOOLS / "mcp-remote/node_modules/.bin/mcp-remote"

    def words(self):
        words = [NODE, self.program, self.url, self.port, "--allow-http"]
        if self.way == "static":
            known = {name: self.credentials[name] for name in ("client_id", "client_secret")}
            words += ["--static-oauth-client-info", json.dumps(known)]
        if self.way == "document":
            words += ["--client-metadata-url", DOCUMENT, "--callback-path", "/callback"]
        return words

    @contextlib.contextmanager
    def connected(self):
        with Conversation(self, *self.words()) as proxy:
            proxy.ask("initialize", protocolVersion="2025-11-25", capabilities={},
                      clientInfo={"name": "client-matrix", "version": "1"})
            proxy.tell("notifications/initialized")
            yield proxy.call

    def age(self):
        self.edit(".mcp-auth/**/*_tokens.json", lambda content: content.update(expires_at=1))


class Inspector(Program):
    name, package, folder = "MCP Inspector", "@modelcontextprotocol/inspector", "inspector"
    program = TOOLS / "inspector/node_modules/.bin/mcp-inspector"
    cannot = {"connected": "its command line makes one call and ends"}

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment |= {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}

    def call(self):
        words = ["--callback-url", f"http://localhost:{self.port}/oauth/callback"]
        if self.way == "static":
            words += ["--client-id", self.credentials["client_id"],
                      "--client-secret", self.credentials["client_secret"]]
        if self.way == "document":
            words = ["--callback-url", f"http://localhost:{self.port}/callback",
                     "--client-metadata-url", DOCUMENT]
        return self.run(NODE, self.program, "--cli", "--server-url", self.url,
                        "--transport", "http", *words, "--protocol-era", "auto", "--format", "json",
                        "--method", "tools/call", "--tool-name", TOOL)


class RememberingUser(McpUser):
    """Remembers as whom the client asked."""

    CALLBACK = "http://localhost:18999/callback"

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.asked_as = []

    async def consent(self, authorization_url):
        query = urllib.parse.urlsplit(authorization_url).query
        self.asked_as += urllib.parse.parse_qs(query)["client_id"]
        return await super().consent(authorization_url)


class PythonSdk(Program):
    name = "Python SDK"

    @classmethod
    def version(cls):
        return importlib.metadata.version("mcp")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        client = self.credentials if self.way == "static" else {}
        self.user = RememberingUser(
            self.lab, self.url, client.get("client_id"), client.get("client_secret"),
            document=DOCUMENT if self.way == "document" else None)

    def asked_as(self):
        return self.user.asked_as

    @contextlib.contextmanager
    def connected(self):
        # The loop runs on while nothing is called: what the gateway's end does to streams is noticed.
        with start_blocking_portal() as portal:
            async def call(session):
                data, _ = await asyncio.wait_for(session.call(TOOL), STEP_SECS)
                return json.dumps(data)
            with portal.wrap_async_context_manager(self.user.connect()) as session:
                yield lambda: portal.call(call, session)

    def age(self):
        self.user.auth.context.token_expiry_time = time.time() - 1


class TypeScriptSdk(Program):
    name, package, folder = "TypeScript SDK", "@modelcontextprotocol/sdk", "typescript-sdk"

    @contextlib.contextmanager
    def connected(self):
        settings = {
            "package": self.package, "folder": str(TOOLS / self.folder), "url": self.url,
            "store": str(self.home / "store.json"), "port": self.port,
        }
        if self.way == "static":
            settings["client"] = {name: self.credentials[name] for name in ("client_id", "client_secret")}
        if self.way == "document":
            settings["document"] = DOCUMENT
        self.environment["SETTINGS"] = json.dumps(settings)
        with Conversation(self, NODE, ROOT / "e2e/sdk_client.mjs") as program:
            yield program.call


class TypeScriptClient(TypeScriptSdk):
    name, package, folder = "TypeScript client", "@modelcontextprotocol/client", "typescript-client"


PROGRAMS = {
    "claude-code": ClaudeCode,
    "codex": Codex,
    "mcp-remote": McpRemote,
    "inspector": Inspector,
    "python": PythonSdk,
    "typescript-1": TypeScriptSdk,
    "typescript-2": TypeScriptClient,
}
