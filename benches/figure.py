"""A measured figure: one JSON line when it is known, one line of a table at the end.

A budget that is not met is told, and fails nothing: what else the machine does is in every time.
"""

import json
import os
import platform
import statistics
import subprocess

_shown = []


def median(values):
    return statistics.median(values)


def show(name, values, unit, budget=None, **more):
    """Prints a figure of one or several values and returns its median."""
    values = sorted(values)
    figure = {"figure": name, "unit": unit, "median": round(median(values), 2)}
    if len(values) > 1:
        figure |= {"min": round(values[0], 2), "max": round(values[-1], 2), "n": len(values)}
    if budget is not None:
        figure |= {"budget": budget, "met": median(values) <= budget}
    print(json.dumps(figure | more), flush=True)
    _shown.append(figure)
    return median(values)


def table():
    """Prints everything shown so far for people."""
    width = max(len(figure["figure"]) for figure in _shown)
    print()
    for figure in _shown:
        spread = f"  ({figure['min']} to {figure['max']}, {figure['n']} times)" if "n" in figure else ""
        verdict = ""
        if "budget" in figure:
            verdict = f"  budget {figure['budget']}: {'met' if figure['met'] else 'NOT met'}"
        print(f"{figure['figure']:<{width}}  {figure['median']:>9} {figure['unit']}{verdict}{spread}")


def machine():
    """What a figure depends on besides the program."""
    load = os.getloadavg()
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], text=True,
                              capture_output=True, check=False).stdout.strip()
    return {"machine": platform.machine(), "kernel": platform.release(), "cpus": os.cpu_count(),
            "load": [round(value, 2) for value in load], "commit": revision}
