"""A gateway in a scratch home: started, asked, measured, ended."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

DEADLINE_SECS = 30


class Home:
    """Folders of one gateway, and what it is started with."""

    def __init__(self, folder, program):
        self.folder, self.program = Path(folder), program
        self.environment = {
            "HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
            "GATEWAY_CONFIG": f"{folder}/config.toml", "GATEWAY_STATE_DIR": f"{folder}/state",
            "GATEWAY_RUNTIME_DIR": f"{folder}/run", "GATEWAY_SECRETS__BACKEND": "file",
        }

    def start(self):
        """Starts a gateway; returns its process, the milliseconds until it answered, and those of
        them that its threads had a processor."""
        port = free_port()
        self.port = port
        argv = [self.program, "serve", "--tunnel", "none", "--listen", f"127.0.0.1:{port}", "--no-open"]
        with open(self.folder / "serve.log", "ab") as log:
            began = time.perf_counter()
            process = subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        while not answers(port):
            if process.poll() is not None or time.perf_counter() - began > DEADLINE_SECS:
                process.kill()
                sys.exit(f"the gateway did not start:\n{(self.folder / 'serve.log').read_text()}")
            time.sleep(0.0003)
        took = (time.perf_counter() - began) * 1000
        return process, took, processor_ms(process)


def processor_ms(process):
    tasks = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Whether one request is answered with 200."""
    request = f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECS) as stream:
            stream.sendall(request.encode())
            answer = b""
            while part := stream.recv(4096):
                answer += part
    except ConnectionRefusedError:
        return False
    if not answer.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"/healthz answered {answer[:200]!r}")
    return True


def end(process):
    process.terminate()
    process.wait(timeout=DEADLINE_SECS)


def memory(process):
    """Resident and private megabytes of a process."""
    found = {}
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, kilobytes = line.split()[:2]
        found[name.rstrip(":")] = int(kilobytes) * 1024 / 1e6
    return found["Rss"], found["Anonymous"]
