#!/usr/bin/env python3
"""The MCP conformance suite, pinned: the protocol on fixtures behind our own stack, and the sign-in on
the product. No expected failures: every scored scenario passes."""

import os
import re
import subprocess
import threading
import urllib.request
from pathlib import Path

from harness import DEADLINE_SECS, GATEWAY, TOOLS, Lab, McpUser, expect, main

SUITE = TOOLS / "conformance/node_modules"
NODE = TOOLS / "node"
FIXTURES = Path(os.environ.get("GATEWAY_DOUBLES", GATEWAY.parent)) / "mcp-conformance-server"
CALLBACK_PORT = "18333"
# No agent runs here.
SCENARIOS = {"default": "none", "scenarios": {"none": {"turns": [{"text": "."}]}}}


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
      "authorization": authorization})
