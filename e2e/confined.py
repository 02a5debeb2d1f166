#!/usr/bin/env python3
"""The agent is not the owner: what it starts may not pair, approve, read secrets or change settings;
its environment holds nothing of ours; the owner's own allow rules do not answer for the relay."""

import json

from harness import GATEWAY, Lab, McpUser, expect, main

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


main({"agent-is-not-the-owner": agent_is_not_the_owner,
      "owners-allow-rules-do-not-answer": owners_allow_rules_do_not_answer})
