#!/usr/bin/env python3
"""Cancelling a task leaves none of its processes alive: background children, one that ignores
SIGTERM, one in a session of its own."""

import time

from harness import Lab, McpUser, expect, main, until

# Claude Code refuses a command that begins with a sleep.
COMMAND = ("true; sleep 1000 & "
           "sh -c 'trap \"\" TERM; echo stubborn >> {{arg.log}}; while true; do sleep 1; done' & "
           "setsid sh -c 'trap \"\" TERM HUP; echo apart >> {{arg.log}}; while true; do sleep 1; done' & "
           "echo up >> {{arg.log}}; while true; do sleep 1; done")
SCENARIOS = {
    "default": "tree",
    "scenarios": {"tree": {"turns": [
        {"text": "Starting.", "tools": [{"name": "Bash", "input": {"command": COMMAND, "description": "tree"}}]},
        {"text": "never"}]}},
}


def of_task(task_id):
    """Processes that carry the task's marker in their environment, or its folder in their command."""
    import pathlib
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if task_id.encode() in words and state != "Z":
            found.append((process.name, (process / "cmdline").read_bytes()[:80]))
    return found


async def cancel():
    with Lab(SCENARIOS, "cancel") as lab:
        lab.make_project()
        lab.configure('allowed_tools = ["Bash"]')
        client = lab.json("mint-client")
        ready = lab.serve("--tunnel", "none")
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"])
        log = lab.folder / "tree.log"
        async with user.connect() as session:
            started, _ = await session.call("start_task", prompt=f"[scenario:tree log={log}]")
            task_id = started["task_id"]
            until("the whole tree", lambda: log.exists()
                  and {"stubborn", "apart", "up"} <= set(log.read_text().split()))
            expect(len(of_task(task_id)) >= 5, f"the tree is not there: {of_task(task_id)}")
            begun = time.monotonic()
            await session.call("cancel_task", task_id=task_id)
            checked, _ = await session.until_over(task_id)
            took = time.monotonic() - begun
            expect(checked["state"] == "cancelled", f"ended as {checked}")
            left = of_task(task_id)
            expect(not left, f"still alive after {took:.1f} s: {left}")
            expect(took <= 10, f"cancelling took {took:.1f} s")
        print(f"      cancelled, nothing left, after {took:.1f} s")


main({"whole-tree": cancel})
