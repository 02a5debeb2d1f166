#!/usr/bin/env python3
"""The whole thread for real: sign-in, task, real Claude Code in its own clone, result and diff."""

import signal
import urllib.parse

from edges import NgrokEdge, NobodyAt, QuickEdge
from harness import Lab, McpUser, expect, main

SCENARIOS = {
    "default": "work",
    "scenarios": {
        # Edits a file, creates one, runs commands that try to reach the owner's repository.
        "work": {"turns": [
            {"text": "Reading.", "tools": [{"name": "Read", "input": {"file_path": "{{cwd}}/app.txt"}}]},
            {"text": "Editing.", "tools": [{"name": "Edit", "input": {
                "file_path": "{{cwd}}/app.txt", "old_string": "two", "new_string": "TWO"}}]},
            {"text": "Creating.", "tools": [{"name": "Write", "input": {
                "file_path": "{{cwd}}/new file.txt", "content": "brand new\n"}}]},
            {"text": "Running.", "tools": [{"name": "Bash", "input": {
                "command": "git config core.hooksPath /tmp; git config user.name Evil; "
                           "git stash list; git stash drop; git push origin HEAD:main; "
                           "git push --mirror; printf '#!/bin/sh\\ntouch ../hook-of-task\\n' "
                           "> .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; "
                           "git remote -v; echo ran > ran.txt", "description": "try things"}}]},
            {"text": "All done: app.txt edited, new file.txt created."},
        ]},
    },
}
TOOLS = 'allowed_tools = ["Read", "Edit", "Write", "Bash"]'


async def round_trip(lab, url, client, mode, edge=None):
    before = lab.owner_snapshot()
    user = McpUser(lab, url, client["client_id"], client["client_secret"], edge=edge)
    async with user.connect(mode) as session:
        tools = {tool.name for tool in (await session.client.list_tools()).tools}
        expect({"start_task", "check_task", "get_result", "list_tasks", "answer_task", "cancel_task", "get_diff",
                "list_projects"} <= tools, f"tools: {tools}")
        projects, _ = await session.call("list_projects")
        expect(projects["projects"][0]["name"] == "demo", f"projects: {projects}")
        expect(str(lab.project) not in str(projects), "a project's path was told")
        started, first_line = await session.call("start_task", prompt="[scenario:work] please")
        expect(first_line.startswith("state="), f"first line: {first_line!r}")
        task_id = started["task_id"]
        checked, calls = await session.until_over(task_id)
        # Writing below .git is asked about even where Bash is allowed; the owner says yes.
        expect(checked["state"] == "needs_input", f"nothing was asked: {checked}")
        detail = lab.json("tasks", "show", task_id)
        expect("git config core.hooksPath" in detail["requests"][0]["input"]["command"],
               f"the stored request: {detail['requests']}")
        lab.run("tasks", "approve", task_id)
        checked, calls = await session.until_over(task_id)
        expect(checked["state"] == "completed", f"the task ended as {checked}")
        expect(calls > 1, "check_task never woke before the end")
        result, text = await session.call("get_result", task_id=task_id)
        expect("All done: app.txt edited" in text, f"result: {text}")
        diff, text = await session.call("get_diff", task_id=task_id)
        for line in ("-two", "+TWO", "+brand new", "new file.txt", "+ran"):
            expect(line in text, f"{line!r} is not in the diff:\n{text}")
        listed, _ = await session.call("list_tasks", state="completed")
        expect(any(task["task_id"] == task_id for task in listed["tasks"]), f"list: {listed}")
    expect(lab.owner_snapshot() == before, "the owner's repository or files changed")
    expect(not (lab.folder / "hook-ran").exists(), "a hook of the owner's repository ran")
    branches = lab.git("for-each-ref", "--format=%(refname)", "refs/heads/gateway").split()
    expect(len(branches) == 1 and task_id in branches[0], f"branches: {branches}")
    shown = lab.git("show", f"{branches[0]}:new file.txt")
    expect(shown == "brand new\n", "the new file is not on the task's branch")
    stash = lab.git("stash", "list")
    expect("stash@{0}" in stash, "the owner's stash is gone")
    expect("not-a-real-key" not in lab.logs() and client["client_secret"] not in lab.logs(),
           "a secret is in the log")
    # A restart keeps the tokens: no second consent.
    return user


def no_tunnel(mode):
    async def case():
        with Lab(SCENARIOS, "round-trip") as lab:
            lab.make_project()
            lab.configure(TOOLS)
            client = lab.json("mint-client")
            ready = lab.serve("--tunnel", "none")
            user = await round_trip(lab, ready["connector_url"], client, mode)
            expect(user.consents == 1, f"{user.consents} consents")
    return case


def through(edge_of):
    """The same by the public address; then the tunnel's end, in order and by SIGKILL."""
    async def case():
        with Lab(SCENARIOS, "round-trip") as lab, edge_of(lab) as edge:
            lab.make_project()
            lab.configure(TOOLS + "\n" + edge.configuration())
            client = lab.json("mint-client")
            ready = edge.serve()
            with NobodyAt(urllib.parse.urlsplit(ready["local_url"]).port):
                user = await round_trip(lab, ready["connector_url"], client, "auto", edge)
                edge.expect_in_use()
                edge.expect_foreign_host_refused()
            expect(user.consents == 1, f"{user.consents} consents")
            expect(lab.json("status")["public_url"] == ready["public_url"], "status names another address")
            expect(all(f"host: {edge.host}".encode() in head.lower() or b"evil.example" in head
                       for head in edge.proxy.heads), "a request under another name")
            lab.stop()
            edge.expect_down()
            edge.serve()
            edge.expect_in_use()
            lab.stop(signal.SIGKILL)
            edge.expect_down()
            for secret in (client["client_secret"], NgrokEdge.AUTHTOKEN):
                expect(secret not in lab.logs(), "a secret is in the log")
    return case


main({"no-tunnel-modern": no_tunnel("auto"), "no-tunnel-legacy": no_tunnel("legacy"),
      "ngrok": through(NgrokEdge), "cloudflare-quick": through(QuickEdge)})
