#!/usr/bin/env python3
"""`kill -9` of the gateway at four moments: the task ends as an undisturbed run, nothing runs twice,
the client's token still works."""

import signal

from harness import Lab, McpUser, expect, main, until

SCENARIOS = {
    "default": "streaming",
    "scenarios": {
        "streaming": {"turns": [{"gate": "{{arg.gate}}", "text": "one two three four five",
                                 "chunk_chars": 3, "chunk_delay_ms": 30}]},
        # The command waits for a file, so the kill surely meets it running; each run leaves a line.
        "tool": {"turns": [
            {"text": "Running.", "tools": [{"name": "Bash", "input": {
                "command": "echo run >> {{arg.log}}; until test -e {{arg.go}}; do sleep 0.05; done; echo end >> {{arg.log}}",
                "description": "wait"}}]},
            {"text": "The command ended."}]},
        "permission": {"turns": [
            {"text": "Asking.", "tools": [{"name": "Bash", "input": {
                "command": "echo run >> {{arg.log}}", "description": "write"}}]},
            {"text": "Answer: {{tool_result}}."}]},
        "result": {"turns": [{"text": "Finished at once."}]},
    },
}


async def crash(name, allowed, prompt, at_the_moment, after_restart, answer, check):
    with Lab(SCENARIOS, f"crash-{name}") as lab:
        lab.make_project()
        lab.configure(f"allowed_tools = {allowed}")
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none", listen=free_port(lab))
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt=prompt(lab))
        task_id = started["task_id"]
        at_the_moment(lab, task_id)
        lab.stop(signal.SIGKILL)
        again = lab.serve("--tunnel", "none", listen=lab.address)
        expect(again["connector_url"] == ready["connector_url"], "the address changed")
        after_restart(lab, task_id)
        async with user.connect() as session:
            checked, _ = await session.until_over(task_id)
            expect(checked["state"] == "completed", f"ended as {checked}")
            _, text = await session.call("get_result", task_id=task_id)
            expect(answer in text, f"the answer differs: {text}")
        expect(user.consents == 1, f"the token did not survive: {user.consents} consents")
        check(lab)


def free_port(lab):
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        lab.address = f"127.0.0.1:{probe.getsockname()[1]}"
    return lab.address


def nothing(lab, task_id):
    pass


def runs_of(lab):
    log = lab.folder / "runs.log"
    return log.read_text().split() if log.exists() else []


def streaming():
    return crash(
        "streaming", "[]", lambda lab: "[scenario:streaming gate=s1]",
        lambda lab, _: lab.wait_at_gate("s1"),
        lambda lab, _: lab.open_gate("s1"),
        "one two three four five",
        lambda lab: expect(len([r for r in lab.model_requests() if r.get("scenario") == "streaming"]) == 1,
                           "the model was asked twice"))


def tool():
    def started(lab, _):
        until("the command to run", lambda: runs_of(lab) == ["run"])

    def go(lab, _):
        (lab.folder / "go").touch()

    return crash(
        "tool", '["Bash"]',
        lambda lab: f"[scenario:tool log={lab.folder}/runs.log go={lab.folder}/go]",
        started, go, "The command ended.",
        lambda lab: expect(runs_of(lab) == ["run", "end"], f"the command ran as {runs_of(lab)}"))


def permission():
    def asked(lab, task_id):
        until("the question", lambda: lab.json("tasks", "show", task_id)["task"]["state"] == "needs_input")

    def approve(lab, task_id):
        lab.run("tasks", "approve", task_id)

    return crash(
        "permission", "[]", lambda lab: f"[scenario:permission log={lab.folder}/runs.log]",
        asked, approve, "Answer:",
        lambda lab: expect(runs_of(lab) == ["run"], f"the command ran as {runs_of(lab)}"))


def just_after_the_result():
    def over(lab, task_id):
        run = lab.folder / "state/tasks" / task_id / "run/stdout"
        until("the result", lambda: run.exists() and b'"type":"result"' in run.read_bytes())

    return crash(
        "result", "[]", lambda lab: "[scenario:result]", over, nothing, "Finished at once.",
        lambda lab: expect(len([r for r in lab.model_requests() if r.get("scenario") == "result"]) == 1,
                           "the model was asked twice"))


main({"streaming": streaming, "tool-running": tool, "permission-pending": permission,
      "just-after-the-result": just_after_the_result})
