#!/usr/bin/env python3
"""The MCP conformance suite, pinned: the protocol on fixtures behind our own stack, what needs none of
them on the product too, and the sign-in on the product. No expected failures: every scored scenario passes."""

import asyncio
import json
import os
import re
import subprocess
import threading
import urllib.request
from pathlib import Path

from bearer_proxy import BearerProxy
from harness import DEADLINE_SECS, GATEWAY, TOOLS, Lab, McpUser, expect, main

SUITE = TOOLS / "conformance/node_modules"
NODE = TOOLS / "node"
FIXTURES = Path(os.environ.get("GATEWAY_DOUBLES", GATEWAY.parent)) / "mcp-conformance-server"
CALLBACK_PORT = "18333"
# No agent runs here.
SCENARIOS = {"default": "none", "scenarios": {"none": {"turns": [{"text": "."}]}}}

# The scenarios that the product can be asked, each with its checks that need something of the suite's own
# and pass on the fixtures alone.
ON_PRODUCT = {
    "server-initialize": (),
    "server-session-lifecycle": (),
    # The tool `test_missing_capability`.
    "server-stateless": ("sep-2575-server-rejects-undeclared-capability",
                         "sep-2575-missing-capability-http-400"),
    "ping": (),
    "tools-list": (),
    "server-sse-multiple-streams": (),
    "resources-list": (),
    "sep-2164-resource-not-found": (),
    "dns-rebinding-protection": (),
    # A list of prompts.
    "caching": ("sep-2549-prompts-list-caching-hints",),
    "http-header-validation": (),
    "input-required-result-unsupported-methods": (),
}
# Why the others cannot, and which those are; a name that ends in `-` stands for all that begin with it.
ON_FIXTURES = {
    "asks for a tool of the suite's own": (
        "tools-call-", "elicitation-", "json-schema-2020-12", "server-sse-polling",
        "http-custom-header-server-validation", *(f"input-required-result-{name}" for name in (
            "basic-elicitation", "basic-sampling", "basic-list-roots", "request-state",
            "multiple-input-requests", "multi-round", "missing-input-response", "non-tool-request",
            "result-type", "tampered-state", "capability-check", "ignore-extra-params", "validate-input"))),
    "asks for a resource of the suite's own": (
        "resources-read-", "resources-templates-read", "resources-subscribe", "resources-unsubscribe"),
    "needs a capability that the product neither has nor declares": (
        "prompts-", "completion-complete", "logging-set-level", "tasks-", "sep-2640-skills-"),
}


def conformance(lab, *arguments, **options):
    return lab.spawn([NODE / "node", SUITE / ".bin/conformance", *arguments], text=True,
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=lab.folder,
                     env={"PATH": f"{NODE}:/usr/bin:/bin", "HOME": str(lab.home)}, **options)


def scores(output):
    """Passed and failed checks by scenario; and the names of those that do not count."""
    summary = output.partition("=== SUMMARY ===")[2]
    found = re.findall(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed", summary, re.MULTILINE)
    unscored = set(re.findall(r"^  [✓✗] (\S+) \(", summary, re.MULTILINE))
    return {name: (int(passed), int(failed)) for name, passed, failed in found}, unscored


def server(revision, scenarios):
    """The scored scenarios of one revision, each at least one check and none of them failed."""
    def case():
        with Lab(SCENARIOS, "conformance") as lab:
            double = lab.spawn([FIXTURES], stdout=subprocess.PIPE, text=True)
            address = double.stdout.readline().removeprefix("listening on ").strip()
            run = conformance(lab, "server", "--url", f"http://{address}/mcp", "--requirements",
                              revision, "-o", lab.folder / "results")
            output, _ = run.communicate(timeout=4 * DEADLINE_SECS)
            found, unscored = scores(output)
            scored = {name: score for name, score in found.items() if name not in unscored}
            passed = sum(passed for passed, _ in scored.values())
            failed = sorted(name for name, (_, failures) in scored.items() if failures)
            print(f"      {revision}: {len(scored) - len(failed)} of {len(scored)} scenarios, {passed} "
                  f"checks passed; unscored: "
                  f"{sum(not found[name][1] for name in unscored)} of {len(unscored)} scenarios")
            expect(not failed and run.returncode == 0, f"failed: {failed}\n{output[-4000:]}")
            expect(len(scored) == scenarios, f"{len(scored)} scenarios, not {scenarios}: {sorted(scored)}")
    return case


def applicable(lab):
    """Every server scenario of the suite with its revisions; each has its place in the tables above."""
    listed, _ = conformance(lab, "list", "--server").communicate(timeout=DEADLINE_SECS)
    found = {name: revisions.split(",") for name, revisions in
             re.findall(r"^  - (\S+) \[(.+)\]$", listed, re.MULTILINE)}
    left = {name for name in found if name not in ON_PRODUCT}
    for pattern in (pattern for patterns in ON_FIXTURES.values() for pattern in patterns):
        meant = {name for name in left if name == pattern or pattern.endswith("-") and name.startswith(pattern)}
        expect(meant, f"the suite has no scenario {pattern}, or it has a place already")
        left -= meant
    expect(found and not left and found.keys() >= ON_PRODUCT.keys(),
           f"scenarios without a place: {sorted(left)}; places without one: {sorted(ON_PRODUCT - found.keys())}")
    return found


def product(revision, scenarios):
    """The product, by a token for this machine, passes what can be asked of it; each scenario by its name."""
    async def case():
        with Lab(SCENARIOS, "conformance") as lab:
            names = [name for name, revisions in applicable(lab).items()
                     if name in ON_PRODUCT and revision in revisions]
            expect(len(names) == scenarios, f"{len(names)} scenarios, not {scenarios}: {names}")
            lab.make_project()
            lab.configure()
            token = lab.json("mint-token", "--name", "conformance")["token"]
            front = lab.serve("--tunnel", "none")["local_url"]
            passed = 0
            async with BearerProxy(front.removeprefix("http://"), token) as proxy:
                for name in names:
                    results = lab.folder / f"results-{name}"
                    run = conformance(lab, "server", "--url", f"http://{proxy.address}/mcp", "--scenario",
                                      name, "--spec-version", revision, "-o", results)
                    output, _ = await asyncio.to_thread(run.communicate, timeout=DEADLINE_SECS)
                    files = list(results.glob("*/checks.json"))
                    expect(len(files) == 1, f"{name}: {output[-4000:]}")
                    checks = json.loads(files[0].read_text())
                    bad = {check["id"] for check in checks if check["status"] in ("FAILURE", "WARNING")}
                    expect(bad == set(ON_PRODUCT[name]), f"{name}: {sorted(bad)}\n{output[-4000:]}")
                    good = [check for check in checks if check["status"] == "SUCCESS"]
                    expect({check["id"] for check in good} - {"wire-schema-valid"}, f"{name} checked nothing")
                    passed += len(good)
            expect(token not in lab.logs(), "the token is in the log")
            print(f"      {revision}: {len(names)} scenarios, {passed} checks passed by the product")
    return case


async def authorization():
    """The suite's browser is followed here: it prints where the owner would go."""
    with Lab(SCENARIOS, "conformance") as lab:
        lab.make_project()
        lab.configure()
        client = lab.json("mint-client", "--public")
        ready = lab.serve("--tunnel", "none")
        url = ready["connector_url"]
        run = conformance(lab, "authorization", "--url", url.removesuffix("/mcp"), "--client-id",
                          client["client_id"], "--resource", url, "-p", CALLBACK_PORT)
        limit = threading.Timer(DEADLINE_SECS, run.kill)
        limit.start()
        lines = []
        try:
            for line in run.stdout:
                lines.append(line)
                asked = re.search(r"http://\S+/authorize\?\S+", line)
                if asked:
                    user = McpUser(lab, url, client["client_id"], None)
                    location = await user.consent(asked.group(0))
                    urllib.request.urlopen(location, timeout=DEADLINE_SECS).close()
            run.wait()
        finally:
            limit.cancel()
        output = "".join(lines)
        found, _ = scores(output)
        passed = [name for name, (ok, failed) in found.items() if ok and not failed]
        print(f"      authorization: {len(passed)} of {len(found)} scenarios")
        expect(run.returncode == 0 and len(passed) == 2, output[-4000:])


main({"server-2025-11-25": server("2025-11-25", 30), "server-2026-07-28": server("2026-07-28", 37),
      "product-2025-11-25": product("2025-11-25", 7), "product-2026-07-28": product("2026-07-28", 9),
      "authorization": authorization})
