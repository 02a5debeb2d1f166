#!/usr/bin/env python3
"""What an agent asks, on the owner's phone: real Claude Code asks, the chat gets the link, a paired
Chromium of a phone's width allows, denies and answers by one tap.

Screenshots are kept in the folder GATEWAY_E2E_SHOTS when that is set."""

import os
import shutil
import tempfile
from pathlib import Path

from browser import Browser
from edges import NgrokEdge
from harness import Lab, McpUser, expect, main, until

SCENARIOS = {
    "default": "run",
    "scenarios": {
        "run": {"turns": [
            {"text": "Running.", "tools": [{"name": "Bash", "input": {
                "command": "touch allowed.txt && echo done", "description": "make a file"}}]},
            {"text": "The end: {{tool_result}}"}]},
        "ask": {"turns": [
            {"text": "Asking.", "tools": [{"name": "AskUserQuestion", "input": {"questions": [
                {"question": "Which color?", "header": "Color", "multiSelect": False, "options": [
                    {"label": "Red", "description": "like a rose"}, {"label": "Blue", "description": "like the sea"}]},
            ]}}]},
            {"text": "The end: {{tool_result}}"}]},
    },
}


class Phone:
    """A paired browser."""

    def __init__(self, lab, browser, shots):
        self.page, self.shots = browser.fresh_page(), shots
        self.page.open(lab.json("pair")["url"])
        self.page.tap("#pair")

    def look(self, address, name):
        self.page.open(address)
        self.page.screenshot(self.shots / f"{name}.png")
        return self.page.text()


async def asked(session, scenario):
    """Starts a task and returns its id and what it asks."""
    started, _ = await session.call("start_task", prompt=f"[scenario:{scenario}] please")
    checked, _ = await session.until_over(started["task_id"])
    expect(checked["state"] == "needs_input", f"nothing was asked: {checked}")
    return started["task_id"], checked["request"]


async def ended(session, task_id):
    checked, _ = await session.until_over(task_id)
    expect(checked["state"] == "completed", f"the task ended as {checked}")
    _, text = await session.call("get_result", task_id=task_id)
    return text


async def on_the_phone():
    shots = Path(os.environ.get("GATEWAY_E2E_SHOTS") or tempfile.mkdtemp(prefix="gateway-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    with Lab(SCENARIOS, "approve") as lab, NgrokEdge(lab) as edge:
        lab.make_project()
        lab.configure(edge.configuration())
        client = lab.json("mint-client")
        ready = edge.serve()
        origin = ready["public_url"]
        user = McpUser(lab, ready["connector_url"], client["client_id"], client["client_secret"], edge=edge)
        with Browser(lab, edge) as browser:
            phone = Phone(lab, browser, shots)
            async with user.connect() as session:
                await taps(lab, session, phone, browser, origin)
        if not os.environ.get("GATEWAY_E2E_SHOTS"):
            shutil.rmtree(shots)


async def taps(lab, session, phone, browser, origin):
    task, request = await asked(session, "run")
    expect(request["may_approve"] == "owner" and request["class"] == "exec", f"the chat is told {request}")
    expect(request["page"] == f"{origin}/requests/{request['request_id']}", f"the link: {request}")
    refused = await session.raw("answer_task", task_id=task, decision="approve")
    expect(refused.is_error and request["page"] in refused.content[0].text, f"the chat approves: {refused}")

    # Nobody but a paired device is shown anything.
    stranger = browser.fresh_page()
    stranger.open(request["page"])
    expect("not paired" in stranger.text() and "touch" not in stranger.text(), stranger.text())

    text = phone.look(f"{origin}/requests", "1-list")
    expect("touch allowed.txt" in text, f"the list reads {text}")
    text = phone.look(request["page"], "2-permission")
    expect("touch allowed.txt && echo done" in text and "runs a program" in text, f"the page reads {text}")
    lab.run("tasks", "answer", task, "--message", "and mind the gap")
    phone.page.tap("button[value=approve]")
    expect("Allowed on a paired device" in phone.page.text(), phone.page.text())
    phone.page.screenshot(phone.shots / "3-allowed.png")
    result = await ended(session, task)
    expect("allowed.txt" in result, f"it did not run: {result}")
    expect("and mind the gap" in str(lab.model_requests()), "the agent did not hear what it was told")

    task, request = await asked(session, "run")
    phone.look(request["page"], "4-to-deny")
    phone.page.type("#message", "not today, please")
    phone.page.tap("button[value=deny]")
    expect("Denied on a paired device" in phone.page.text(), phone.page.text())
    result = await ended(session, task)
    expect("not today, please" in result, f"the agent was not told why: {result}")

    task, request = await asked(session, "ask")
    text = phone.look(request["page"], "5-question")
    expect("Which color?" in text and "like the sea" in text, f"the page reads {text}")
    phone.page.tap("label.choice:has(input[value='2'])", loads=False)
    phone.page.tap("button[value=answer]")
    result = await ended(session, task)
    expect("Blue" in result, f"the answer did not arrive: {result}")

    # What nobody waits for any more says so, and cannot be answered.
    task, request = await asked(session, "run")
    phone.look(request["page"], "6-open")
    lab.run("tasks", "cancel", task)
    until("the task to end", lambda: lab.json("tasks", "show", task)["task"]["state"] == "cancelled")
    phone.page.tap("button[value=approve]")
    expect("already" in phone.page.text(), f"a late answer reads {phone.page.text()}")
    text = phone.look(request["page"], "7-withdrawn")
    expect("no longer asks" in text, f"a withdrawn request reads {text}")

    noted = [line for line in phone.page.complaints() if "409" not in line and "/mcp" not in line]
    expect(not noted, f"the console: {noted}")


main({"on-the-phone": on_the_phone})
