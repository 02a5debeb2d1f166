#!/usr/bin/env python3
"""The agent is not the owner: what it starts may not pair, approve, read secrets or change settings;
its environment holds nothing of ours; the owner's own allow rules do not answer for the relay."""

import contextlib
import json
import os
import signal
from pathlib import Path

from harness import GATEWAY, Lab, McpUser, expect, main, until

SCENARIOS = {
    "default": "probe",
    "scenarios": {
        "probe": {"turns": [
            {"text": "Looking.", "tools": [{"name": "Bash", "input": {
                "command": "sh {{arg.script}} > {{arg.out}} 2>&1; env > {{arg.out}}.env", "description": "look"}}]},
            {"text": "Looked."}]},
        "write": {"turns": [
            {"text": "Writing.", "tools": [{"name": "Bash", "input": {
                "command": "touch {{arg.file}}", "description": "touch"}}]},
            {"text": "Answer: {{tool_result}}"}]},
        "hang": {"turns": [
            {"text": "Waiting.", "tools": [{"name": "Bash", "input": {
                "command": "touch {{arg.up}}; while true; do sleep 1; done", "description": "hang"}}]},
            {"text": "never"}]},
    },
}
# Commands that belong to the owner. The variables are given back to them on purpose: knowing where
# the gateway is must not help.
COMMANDS = ["pair", "tasks list", "tasks approve x", "tasks cancel all", "secrets list",
            "secrets set ngrok-authtoken", "clients list", "mint-client --name evil", "status",
            "projects add /tmp"]


async def agent_is_not_the_owner():
    with Lab(SCENARIOS, "confined") as lab:
        lab.make_project()
        lab.configure('allowed_tools = ["Bash"]')
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none", environment={"NGROK_AUTHTOKEN": "planted-ngrok-token",
                          "XDG_RUNTIME_DIR": str(lab.folder), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/planted"})
        before = (lab.folder / "config.toml").read_text()
        variables = " ".join(f"{name}={lab.environment[name]}" for name in lab.environment
                             if name.startswith("GATEWAY_"))
        script = lab.folder / "probe.sh"
        lines = [f"echo '== {command}'; env {variables} {GATEWAY} {command} </dev/null; echo \"exit $?\""
                 for command in COMMANDS]
        # The sockets themselves, without our program in between.
        lines.append(f"""echo '== sockets'; python3 - <<'PY'
import glob, socket
for path in glob.glob('{lab.folder}/run/admin.sock') + glob.glob('{lab.folder}/state/tasks/*/run/shim.sock'):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path); s.settimeout(3)
        s.sendall(b'{{"call":"pair"}}\\n'); print(path.rsplit('/',1)[1], s.recv(2000))
    except Exception as e: print(path.rsplit('/',1)[1], 'refused', type(e).__name__)
PY""")
        script.write_text("\n".join(lines))
        out = lab.folder / "probe.out"
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt=f"[scenario:probe script={script} out={out}]")
            checked, _ = await session.until_over(started["task_id"])
            expect(checked["state"] == "completed", f"ended as {checked}")
        text = out.read_text()
        for section in text.split("== ")[1:-1]:
            command = section.splitlines()[0]
            expect("exit 77" in section, f"`gateway {command}` was not refused:\n{section}")
        sockets = text.split("== sockets")[1]
        expect("admin.sock" in sockets and "shim.sock" in sockets, f"sockets were not tried: {sockets}")
        expect('"url"' not in sockets and "#" not in sockets, f"a socket answered: {sockets}")
        environment = (lab.folder / "probe.out.env").read_text()
        for secret in ("planted-ngrok-token", "XDG_RUNTIME_DIR", "DBUS_SESSION", "GATEWAY_STATE_DIR",
                       "GATEWAY_RUNTIME_DIR", "GATEWAY_CONFIG", client["client_secret"]):
            expect(secret not in environment, f"the agent's environment holds {secret}")
        expect((lab.folder / "config.toml").read_text() == before, "the configuration changed")
        expect(len(lab.json("clients", "list")["clients"]) == 1, "a client was made")


async def owners_allow_rules_do_not_answer():
    with Lab(SCENARIOS, "rules") as lab:
        lab.make_project()
        lab.configure()
        settings = lab.home / ".claude/settings.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"permissions": {"allow": ["Bash(touch *)", "Bash"]}}))
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none")
        target = lab.folder / "touched"
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt=f"[scenario:write file={target}]")
            task_id = started["task_id"]
            checked, _ = await session.until_over(task_id)
            expect(checked["state"] == "needs_input", f"nobody was asked: {checked}")
            expect(not target.exists(), "the command ran unasked")
            lab.run("tasks", "deny", task_id, "--message", "not today, says the owner")
            checked, _ = await session.until_over(task_id)
            _, text = await session.call("get_result", task_id=task_id)
            expect("not today, says the owner" in text, f"the reason did not reach the model: {text}")
        expect(not target.exists(), "the refused command ran")


# Kills the shim above itself once two others are at their posts: one with the agent's environment,
# one with none, in a session of its own. They go on trying to be the owner as long as they live.
KILLER = """
pid=$$
until tr '\\0' ' ' </proc/$pid/cmdline | grep -q ' __shim '; do
  pid=$(sed 's/.*) . //' /proc/$pid/stat | cut -d' ' -f1); [ "$pid" -gt 1 ] || exit 1
done
sh FOLDER/claim.sh $pid plain &
env -i PATH=/usr/bin:/bin setsid sh FOLDER/claim.sh $pid bare &
until [ -e FOLDER/plain.up ] && [ -e FOLDER/bare.up ]; do sleep 0.01; done
kill -9 $pid
sh FOLDER/claim.sh $pid killer
"""
CLAIM = """
touch FOLDER/$2.up
# Until the shim is gone, or a zombie.
while grep -q '^State:[^Z]*$' /proc/$1/status 2>/dev/null; do :; done
n=0
while [ $n -lt 200 ]; do
  n=$((n+1))
  env VARIABLES GATEWAY --json pair </dev/null >>FOLDER/$2.out 2>&1; echo "exit $?" >>FOLDER/$2.out
  env VARIABLES GATEWAY tasks approve OTHER </dev/null >>FOLDER/$2.out 2>&1; echo "exit $?" >>FOLDER/$2.out
  env VARIABLES GATEWAY secrets list </dev/null >>FOLDER/$2.out 2>&1; echo "exit $?" >>FOLDER/$2.out
done
"""


def of_lab(lab, words):
    """Living processes with one of `words` in their command or environment, below this lab or not."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and any(word.encode() in text for word in words):
                found.append((process.name, (process / "cmdline").read_bytes()[:120]))
    return found


def children_of(pid):
    """Children of a process, zombies too: (pid, state)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if int(parent) == pid:
                found.append((process.name, state))
    return found


async def agent_that_kills_its_shim():
    with Lab(SCENARIOS, "killer") as lab:
        lab.make_project()
        lab.configure("max_concurrent = 2")
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none")
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        variables = " ".join(f"{name}={lab.environment[name]}" for name in lab.environment
                             if name.startswith("GATEWAY_")) + f" HOME={lab.home}"
        target = lab.folder / "touched"
        async with user.connect() as session:
            asking, _ = await session.call("start_task", prompt=f"[scenario:write file={target}]")
            other = asking["task_id"]
            until("the question", lambda: lab.json("tasks", "show", other)["task"]["state"] == "needs_input")
            for name, text in (("killer.sh", KILLER), ("claim.sh", CLAIM)):
                for word, value in (("FOLDER", lab.folder), ("VARIABLES", variables), ("OTHER", other)):
                    text = text.replace(word, str(value))
                (lab.folder / name).write_text(text.replace(" GATEWAY ", f" {GATEWAY} "))
            started, _ = await session.call(
                "start_task", prompt=f"[scenario:probe script={lab.folder}/killer.sh out={lab.folder}/killer.log]")
            task_id = started["task_id"]
            until("its question",
                  lambda: lab.json("tasks", "show", task_id)["task"]["state"] == "needs_input")
            lab.run("tasks", "approve", task_id)
            until("its end",
                  lambda: lab.json("tasks", "show", task_id)["task"]["state"] not in ("needs_input", "running"))
            checked, _ = await session.until_over(task_id)
            expect(checked["state"] == "interrupted", f"ended as {checked}")
            shown = json.dumps(lab.json("tasks", "show", task_id))
            expect("supervises the agent was killed" in shown, f"no reason is given: {shown}")
            left = of_lab(lab, [task_id, "claim.sh", "killer.sh"])
            expect(not left, f"still alive: {left}")
            for name in ("plain", "bare"):
                expect((lab.folder / f"{name}.up").exists(), f"{name} was never there")
                out = lab.folder / f"{name}.out"
                said = out.read_text() if out.exists() else ""
                expect("exit 0" not in said and '"url"' not in said, f"{name} was taken for the owner:\n{said}")
                tries = said.count("exit 77")
                print(f"      {name}: {tries} commands refused before it was ended")
            state = lab.json("tasks", "show", other)["task"]["state"]
            expect(state == "needs_input" and not target.exists(), f"the other task is {state}")
            until("the gateway to collect what it adopted",
                  lambda: not [child for child in children_of(lab.gateway.pid) if child[1] == "Z"])


async def shim_killed_while_no_gateway_runs():
    with Lab(SCENARIOS, "shimless") as lab:
        lab.make_project()
        lab.configure('allowed_tools = ["Bash"]')
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none", listen="127.0.0.1:0")
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt=f"[scenario:hang up={lab.folder}/up]")
        task_id = started["task_id"]
        until("the command", (lab.folder / "up").exists)
        lab.stop(signal.SIGKILL)
        run = json.loads((lab.folder / "state/tasks" / task_id / "run/shim.json").read_text())
        os.kill(run["shim"]["pid"], signal.SIGKILL)
        until("the agent to die with its shim",
              lambda: not Path(f"/proc/{run['agent']['pid']}").exists())
        lab.serve("--tunnel", "none")
        until("the task to end", lambda: lab.json("tasks", "show", task_id)["task"]["state"] == "interrupted")
        left = of_lab(lab, [task_id])
        expect(not left, f"still alive: {left}")


main({"agent-is-not-the-owner": agent_is_not_the_owner,
      "agent-that-kills-its-shim": agent_that_kills_its_shim,
      "shim-killed-while-no-gateway-runs": shim_killed_while_no_gateway_runs,
      "owners-allow-rules-do-not-answer": owners_allow_rules_do_not_answer})
