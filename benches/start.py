#!/usr/bin/env python3
"""Size of the release program, its start until the first answered request, its memory when idle.

Usage: benches/start.py [PROGRAM] [STARTS]   (target/release/gateway, 20)

A start is timed from the spawn to the last byte of the first 200 of /healthz, in a scratch home,
without a tunnel: `first` with empty folders (the database is made), `again` with those of the start
before. Beside it stands what spawning /bin/true takes. Only the size fails this script.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import figure
from home import Home, end, memory

ROOT = Path(__file__).resolve().parent.parent
SIZE_BUDGET_MB = 15
START_BUDGET_MS = 30
RSS_BUDGET_MB = 15
IDLE_SECS = 10


def spawn_ms():
    began = time.perf_counter()
    subprocess.Popen(["/bin/true"]).wait()
    return (time.perf_counter() - began) * 1000


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/gateway").resolve()
    starts = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    print(json.dumps(figure.machine()))
    size = figure.show("size of the release program", [program.stat().st_size / 1e6], "MB",
                       SIZE_BUDGET_MB)
    spawns = []
    times = {"first": ([], []), "again": ([], [])}
    for _ in range(starts):
        spawns.append(spawn_ms())
        with tempfile.TemporaryDirectory(prefix="gateway-start-") as folder:
            home = Home(folder, program)
            for took, ran in times.values():
                process, milliseconds, on_processor = home.start()
                end(process)
                took.append(milliseconds)
                ran.append(on_processor)
    figure.show("spawning /bin/true", spawns, "ms")
    for name, (took, ran) in times.items():
        figure.show(f"start to first answered request, {name}", took, "ms", START_BUDGET_MS)
        figure.show(f"  of that on a processor, {name}", ran, "ms")
    with tempfile.TemporaryDirectory(prefix="gateway-idle-") as folder:
        process, _, _ = Home(folder, program).start()
        rss, private = memory(process)
        figure.show("idle memory after the start (RSS)", [rss], "MB", RSS_BUDGET_MB,
                    anonymous=round(private, 2))
        time.sleep(IDLE_SECS)
        rss, private = memory(process)
        figure.show(f"idle memory after {IDLE_SECS} s (RSS)", [rss], "MB", RSS_BUDGET_MB,
                    anonymous=round(private, 2))
        end(process)
    figure.table()
    if size > SIZE_BUDGET_MB:
        sys.exit(f"the program is larger than {SIZE_BUDGET_MB} MB")


main()
