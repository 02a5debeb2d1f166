#!/usr/bin/env python3
"""Cancelling a task leaves none of its processes alive: background children, one that ignores
SIGTERM, one in a session of its own, one that cleared its environment as well."""

import time
from pathlib import Path

from harness import Lab, McpUser, expect, main, until

# Every process tells its name and its pid itself, so that none has to be found by what it looks like.
# Claude Code refuses a command that begins with a sleep.
COMMAND = ("true; sh -c 'echo sleeper $$ >> {{arg.log}}; exec sleep 1000' & "
           "sh -c 'trap \"\" TERM; echo stubborn $$ >> {{arg.log}}; while true; do sleep 1; done' & "
           "setsid sh -c 'trap \"\" TERM HUP; echo apart $$ >> {{arg.log}}; while true; do sleep 1; done' & "
           "env -i setsid sh -c 'trap \"\" TERM HUP; echo bare $$ >> {{arg.log}}; while true; do sleep 1; done' & "
           "echo up $$ >> {{arg.log}}; while true; do sleep 1; done")
NAMES = {"sleeper", "stubborn", "apart", "bare", "up"}
SCENARIOS = {
    "default": "tree",
    "scenarios": {"tree": {"turns": [
        {"text": "Starting.", "tools": [{"name": "Bash", "input": {"command": COMMAND, "description": "tree"}}]},
        {"text": "never"}]}},
}


def told(log):
    """The pids that the processes have told, by their names."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return {name: int(pid) for name, pid in (line.split() for line in lines if line.endswith("\n"))}


def began(pid):
    """When the living process of this id began, in the kernel's ticks; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


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
            until("the whole tree", lambda: told(log).keys() >= NAMES)
            tree = {name: (pid, began(pid)) for name, pid in told(log).items()}
            expect(all(ticks for _, ticks in tree.values()), f"the tree is not there: {tree}")
            begun = time.monotonic()
            await session.call("cancel_task", task_id=task_id)
            checked, _ = await session.until_over(task_id)
            took = time.monotonic() - begun
            expect(checked["state"] == "cancelled", f"ended as {checked}")
            left = [name for name, (pid, ticks) in tree.items() if began(pid) == ticks]
            expect(not left, f"still alive after {took:.1f} s: {left}")
            expect(took <= 10, f"cancelling took {took:.1f} s")
        print(f"      cancelled, nothing left, after {took:.1f} s")


main({"whole-tree": cancel})
