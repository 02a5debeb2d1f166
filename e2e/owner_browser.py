#!/usr/bin/env python3
"""The owner with a browser: opens the page that a client asks for, proves to be there, allows it.

Usage: owner_browser.py LOG URL. Programs start it as their `BROWSER`. It reads the consent page, types
the code of `gateway pair`, taps Allow and follows the answer home to the client's own loopback port.
Each page is a line of JSON in LOG, so that a suite can count what the owner was asked.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from harness import DEADLINE_SECS, GATEWAY, Failure, Form, expect


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers to look at."""

    def redirect_request(self, *_):
        return None


BROWSER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def visit(url, form=None, headers=None):
    """Status, headers and text of a page."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, headers or {})
    try:
        answer = BROWSER.open(request, timeout=DEADLINE_SECS)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return answer.status, answer.headers, answer.read().decode(errors="replace")


def consent(url):
    """Answers the consent page; returns where it leads."""
    status, _, page = visit(url)
    expect(status == 200, f"the consent page: {status} {page[:600]}")
    form = Form()
    form.feed(page)
    expect(form.action, f"the page has no form: {page[:600]}")
    said = subprocess.run([GATEWAY, "--json", "pair"], capture_output=True, check=True, text=True)
    target = urllib.parse.urljoin(url, form.action)
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(target))
    fields = form.fields | {"code": json.loads(said.stdout)["code"], "decision": "allow"}
    status, headers, page = visit(target, fields, {"Origin": origin})
    expect(status == 303, f"the answered consent page: {status} {page[:600]}")
    return headers["Location"]


def main(log, url):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    seen = {name: query.get(name) for name in ("client_id", "redirect_uri", "scope", "resource")}
    try:
        home = consent(url)
        status, _, page = visit(home)
        expect(status < 400, f"the client's own callback: {status} {page[:600]}")
    except (Failure, OSError, subprocess.SubprocessError) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    with open(log, "a", encoding="utf-8") as file:
        file.write(json.dumps(seen) + "\n")
    return 1 if "error" in seen else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} LOG URL")
    sys.exit(main(*sys.argv[1:]))
