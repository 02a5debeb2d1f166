#!/usr/bin/env python3
"""The life of `gateway serve`: with nothing configured, twice, reloaded, told to end."""

import json
import os
import signal
import subprocess

from harness import GATEWAY, Lab, expect, main, until

SCENARIOS = {"default": "hello", "scenarios": {"hello": {"turns": [{"text": "Hello."}]}}}


def with_nothing_configured():
    """No configuration, no environment but HOME and PATH, stdin closed, no keyring."""
    with Lab(SCENARIOS, "bare") as lab:
        bare = {"HOME": str(lab.home), "PATH": "/usr/bin:/bin"}
        log = open(lab.folder / "serve-0.log", "wb")
        lab.gateway = lab.spawn([GATEWAY, "serve", "--listen", "127.0.0.1:0"], env=bare, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        lines = []
        while not lines or not lines[-1].startswith("connector"):
            line = lab.gateway.stdout.readline()
            expect(line, f"it ended: {lines} {lab.logs()}")
            lines.append(line)
        text = "".join(lines)
        expect("no tunnel" in text, f"the missing tunnel is not told:\n{text}")
        expect('secrets.backend = "file"' in text, f"the missing keyring's cure is not told:\n{text}")
        expect("#" not in lines[-1], "a pipe was given the pairing fragment")
        status = json.loads(subprocess.run([GATEWAY, "--json", "status"], env=bare, text=True,
                                           capture_output=True, check=True).stdout)
        expect(status["state"] == "running" and status["tunnel"]["state"] == "off", f"{status}")
        again = subprocess.run([GATEWAY, "serve"], env=bare, text=True, capture_output=True,
                               stdin=subprocess.DEVNULL, timeout=30)
        expect(again.returncode == 0 and "running already" in again.stdout,
               f"a second serve: {again.returncode} {again.stdout} {again.stderr}")
        for name in (".local/state/gateway", ".local/state/gateway/gateway.db"):
            mode = os.stat(lab.home / name).st_mode & 0o077
            expect(mode == 0, f"others may use {name}")
        lab.stop()
        expect(lab.gateway.returncode == 0, f"it ended with {lab.gateway.returncode}")
        expect(not (lab.home / ".local/state/gateway/admin.sock").exists(), "the socket was left")


def reload():
    """SIGHUP takes a good configuration over; a bad one changes nothing and is told."""
    with Lab(SCENARIOS, "reload") as lab:
        lab.make_project()
        lab.configure()
        lab.serve("--tunnel", "none")
        file = lab.folder / "config.toml"
        good = file.read_text()
        other = lab.folder / "other"
        other.mkdir()
        file.write_text(good + f'\n[projects.other]\npath = "{other}"\n[limits]\nburst = 7\n')
        lab.gateway.send_signal(signal.SIGHUP)
        until("the reload", lambda: "configuration reloaded" in lab.logs())
        reloaded = next(line for line in lab.logs().splitlines() if "configuration reloaded" in line)
        expect("limits.burst" in reloaded and "projects.other" in reloaded, reloaded)
        file.write_text(good + "\n[tasks]\nmax_concurent = 3\n")
        lab.gateway.send_signal(signal.SIGHUP)
        until("the problem in the status", lambda: lab.json("status")["problems"])
        problem = lab.json("status")["problems"][0]
        expect("max_concurent" in problem and "max_concurrent" in problem, f"problem: {problem}")
        file.write_text(good)
        lab.gateway.send_signal(signal.SIGHUP)
        until("the problem to go", lambda: not lab.json("status")["problems"])


def project_added_while_running():
    with Lab(SCENARIOS, "add") as lab:
        lab.make_project()
        lab.configure()
        lab.serve("--tunnel", "none")
        other = lab.folder / "my app"
        other.mkdir()
        lab.run("projects", "add", other, "--description", "an app")
        expect("my-app" in lab.run("projects", "list").stdout, "it is not listed")
        until("the reload", lambda: "configuration reloaded" in lab.logs())
        twice = lab.run("projects", "add", other, check=False)
        expect(twice.returncode == 78 and "hint:" in twice.stderr, f"twice: {twice}")
        lab.run("projects", "remove", "my-app")
        expect("my-app" not in (lab.folder / "config.toml").read_text(), "it is still there")


def doctor_public():
    """`doctor --public` walks a client's whole way through the public address, and cleans up."""
    with Lab(SCENARIOS, "public") as lab:
        lab.configure()
        skipped = lab.json("doctor", "--public", "--only", "version")["checks"][-1]
        expect(skipped["status"] == "skip", f"no gateway runs: {skipped}")
        # A port that was free a moment ago: the address has to be known before the gateway starts.
        lab.serve("--tunnel", "none")
        front = lab.json("status")["local_url"]
        expect("no public address" in str(lab.json("doctor", "--public", "--only", "version")["checks"]),
               "a gateway of this machine only")
        lab.stop()
        lab.configure(f'[server]\npublic_url = "{front}"')
        lab.serve("--tunnel", "none", listen=front.removeprefix("http://"))
        report = lab.json("doctor", "--public", "--only", "version")
        failed = [check for check in report["checks"] if check["status"] != "ok"]
        expect(not failed and len(report["checks"]) == 12, f"{report}")
        expect(f"{front}/mcp" in report["checks"][-1]["detail"], f"{report['checks'][-1]}")
        left = [client for client in lab.json("clients", "list")["clients"]
                if client["name"].startswith("doctor-")]
        expect(not left, f"the walk left a client: {left}")


def ends_in_time():
    """SIGTERM ends it within 10 s although an event stream and a long poll are open."""
    import time
    with Lab(SCENARIOS, "end") as lab:
        lab.make_project()
        lab.configure()
        lab.serve("--tunnel", "none")
        follower = lab.spawn([GATEWAY, "status", "--follow"], env=lab.environment,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        lab.stop()
        took = time.monotonic() - begun
        expect(lab.gateway.returncode == 0, f"exit {lab.gateway.returncode}")
        expect(took < 10, f"it took {took:.1f} s to end")
        follower.wait(timeout=30)


def wrong_use():
    """Every error has a hint, and its own exit code."""
    with Lab(SCENARIOS, "wrong") as lab:
        lab.make_project()
        lab.configure()
        for arguments, code in (
            (("serve", "--tunnel", "wireguard"), 2),
            (("serve", "--listen", "here"), 2),
            (("serve", "--tunnel", "ngrok", "--listen", "127.0.0.1:0"), 69),
            (("serve", "--listen", "0.0.0.0:0"), 78),
            (("serve", "--listen", "192.0.2.1:1"), 78),
            (("pair",), 69),
            (("status",), 69),
            (("tasks", "show", "-x"), 2),
            (("tasks", "show", "zzz"), 1),
            (("tasks", "list", "--project", "zzz"), 1),
            (("tasks", "approve", "zzz"), 69),
            (("clients", "revoke", "nobody"), 1),
            (("mint-client", "--scope", "everything"), 2),
            (("mint-token", "--scope", "everything"), 2),
            (("secrets", "set", "no-such-secret"), 2),
            (("projects", "remove", "nothing"), 78),
            (("projects", "add", "/nonexistent"), 1),
            (("--config", "/nonexistent.toml", "config", "check"), 78),
        ):
            done = lab.run(*arguments, check=False, stdin="")
            expect(done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stderr}")
            expect("panicked" not in done.stderr, done.stderr)
            if arguments != ("tasks", "show", "-x"):
                expect("error: " in done.stderr and "hint: " in done.stderr, f"{arguments}: {done.stderr}")


main({"with-nothing-configured": with_nothing_configured, "reload": reload,
      "project-added-while-running": project_added_while_running, "ends-in-time": ends_in_time,
      "doctor-public": doctor_public,
      "wrong-use": wrong_use})
