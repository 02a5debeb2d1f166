"""The doubles of both tunnel edges as a suite uses them: started, configured, behind TLS, watched."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from edge_proxy import EdgeProxy
from harness import ROOT, Failure, expect, until

DOUBLES = Path(os.environ.get("GATEWAY_DOUBLES", ROOT / "target/debug"))


def double(name):
    program = DOUBLES / name
    if not program.exists():
        raise Failure(f"{program} is not there: cargo build -p gateway-tunnels --features testing --bins")
    return program


class Edge:
    """What both edges have in common."""

    def __init__(self, lab):
        self.lab = lab
        self.proxy = EdgeProxy(lab.folder / f"edge-{self.provider}", self.public_address)
        self.proxy_url, self.ca_file = self.proxy.proxy_url, self.proxy.ca_file

    def serve(self, *flags, start=None):
        """Starts the gateway behind this edge; returns its ready line, whose public URL is proven."""
        self.before_start()
        self.proxy.allowed_host = None  # the name is not known yet; all names lead to this edge
        start = start or self.lab.serve
        ready = start("--tunnel", self.provider, *flags, environment=self.environment())
        expect(ready["public_url"], f"no public address came up: {ready}")
        expect(ready["connector_url"] == ready["public_url"] + "/mcp", f"connector URL: {ready}")
        self.host = ready["public_url"].removeprefix("https://")
        expect("/" not in self.host and ready["public_url"].startswith("https://"), f"public URL: {ready}")
        self.proxy.allowed_host = self.host
        return ready

    def visit(self):
        """A TLS connection to the public host."""
        host, port = self.proxy_url.removeprefix("http://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=20)
        plain.sendall(f"CONNECT {self.host}:443 HTTP/1.1\r\nHost: {self.host}:443\r\n\r\n".encode())
        expect(b" 200 " in plain.recv(4096), "the proxy refused")
        return ssl.create_default_context(cafile=self.ca_file).wrap_socket(plain, server_hostname=self.host)

    def before_start(self):
        pass

    def close(self):
        self.proxy.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class NgrokEdge(Edge):
    """The loopback ngrok edge, a process that obeys orders."""

    provider = "ngrok"
    AUTHTOKEN = "2planted_authtoken_of_the_suite"

    def __init__(self, lab):
        self.process = lab.spawn(
            [double("loopback-ngrok-edge")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1, env={"TMPDIR": str(lab.folder)})
        self.facts = json.loads(self.process.stdout.readline())
        self._lock = threading.Lock()
        super().__init__(lab)

    def public_address(self):
        host, port = self.facts["public_addr"].rsplit(":", 1)
        return host, int(port)

    def configuration(self):
        return (f'[tunnel.ngrok]\nserver_addr = "{self.facts["agent_addr"]}"\n'
                f'ca_file = "{self.facts["ca_pem_path"]}"\n')

    def environment(self):
        return self.proxy.environment() | {"NGROK_AUTHTOKEN": self.AUTHTOKEN}

    def order(self, words):
        with self._lock:
            self.process.stdin.write(words + "\n")
            return json.loads(self.process.stdout.readline())

    def expect_in_use(self):
        seen = self.order("seen")
        expect(seen["sessions_open"] == 1 and seen["proxied"] > 0, f"the edge saw {seen}")
        expect(seen["auths"][-1]["authtoken"] == self.AUTHTOKEN, "the authtoken did not arrive")
        agent = int(self.facts["agent_addr"].rsplit(":", 1)[1])
        remote = {remote for _, remote in tcp_of(self.lab.gateway.pid)}
        expect(agent in remote, f"the session's connection is not the gateway's own: {remote}")

    def expect_foreign_host_refused(self):
        """The edge routes by the first request of a connection; a later one may say anything."""
        with self.visit() as visitor:
            answers = visitor.makefile("rb")
            expect(ask(visitor, answers, self.host) == 200, "/healthz through the edge")
            status = ask(visitor, answers, "evil.example")
            expect(status == 421, f"a foreign Host through the edge got {status}")

    def expect_down(self):
        until("the edge to count no session", lambda: self.order("seen")["sessions_open"] == 0, 20)


class QuickEdge(Edge):
    """A fake `cloudflared` that the gateway starts itself."""

    provider = "cloudflare-quick"

    def __init__(self, lab):
        self.folder = lab.folder / "cloudflared"
        self.folder.mkdir()
        self.program = self.folder / "cloudflared"
        shutil.copy2(double("fake-cloudflared"), self.program)
        super().__init__(lab)

    def before_start(self):
        (self.folder / "cloudflared.run.json").unlink(missing_ok=True)

    def run(self):
        """What the running fake reports of itself."""
        return json.loads((self.folder / "cloudflared.run.json").read_text())

    def public_address(self):
        host, port = self.run()["public_addr"].rsplit(":", 1)
        return host, int(port)

    def configuration(self):
        return f'[tunnel.cloudflared]\npath = "{self.program}"\n'

    def environment(self):
        return self.proxy.environment()

    def alive(self):
        """Processes that run this lab's `cloudflared`."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "exe").removesuffix(" (deleted)") == str(self.program.resolve()):
                    found.append(int(process.name))
        return found

    def expect_in_use(self):
        run = self.run()
        expect(self.alive() == [run["pid"]], f"cloudflared runs as {self.alive()}, reported {run['pid']}")
        expect("unix:" in run["config"], f"the origin is no private socket: {run['config']}")

    def expect_foreign_host_refused(self):
        """The edge sets the Host itself, so it is said at the origin's socket."""
        path = self.run()["config"].split("unix:")[1].split('"')[0].split()[0]
        with socket.socket(socket.AF_UNIX) as origin:
            origin.settimeout(20)
            origin.connect(path)
            status = ask(origin, origin.makefile("rb"), "evil.example")
            expect(status == 421, f"a foreign Host at the tunnel's end got {status}")

    def expect_down(self):
        until("no cloudflared to be left", lambda: not self.alive(), 20)


def ask(connection, answers, host):
    """The status of GET /healthz under a Host; the connection stays open."""
    connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    status = int(answers.readline().split()[1])
    length = 0
    while (line := answers.readline().strip()):
        name, _, value = line.lower().partition(b":")
        if name == b"content-length":
            length = int(value)
    answers.read(length)
    return status


def tcp_of(pid):
    """(local port, remote port) of the established TCP connections of a process."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            link = os.readlink(file)
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
    return {(local, remote) for local, remote, state, inode in tcp_table()
            if inode in inodes and state == "01"}


def tcp_table():
    """(local port, remote port, state, inode) of all TCP sockets of this machine."""
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            yield int(words[1][-4:], 16), int(words[2][-4:], 16), words[3], words[9]


class NobodyAt:
    """Watches that nothing connects to a TCP port while the block runs.

    Closed connections stay in the kernel's table for a minute, so looking twice a second misses none.
    """

    def __init__(self, port):
        self.port, self.seen, self._over = port, set(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self._over.is_set():
            self.look()
            self._over.wait(0.5)

    def look(self):
        for local, remote, state, _ in tcp_table():
            if self.port in (local, remote) and state != "0A":  # 0A is the listener itself
                self.seen.add((local, remote, state))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._over.set()
        self._thread.join()
        self.look()
        if kind is None:
            expect(not self.seen, f"somebody connected to the gateway's own TCP port: {self.seen}")
