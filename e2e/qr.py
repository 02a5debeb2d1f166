#!/usr/bin/env python3
"""The way in: the QR code on terminals and in files read by an independent decoder (zbar), then the
page it leads to in a real Chromium: pairing, credentials, one-tap consent; the token stays secret.

Screenshots are kept in the folder GATEWAY_E2E_SHOTS when that is set."""

import base64
import hashlib
import http.server
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path

from browser import Browser
from edges import NgrokEdge
from harness import GATEWAY, Lab, expect, main, until
from screen import BLOCKS, Terminal, decoded, on_screen, without_secrets

NOTHING = {"default": "x", "scenarios": {"x": {"turns": [{"text": "x"}]}}}
PAIRING_URL = re.compile(r"https?://[^\s#]+/mcp#[A-Za-z0-9_-]{22}")


def plain_lab(name):
    lab = Lab(NOTHING, name)
    lab.make_project()
    lab.configure()
    return lab


LOCAL = ("serve", "--listen", "127.0.0.1:0", "--no-open", "--tunnel", "none")
# As behind a reverse proxy of the owner's: without an address for others there is nothing to scan.
SERVE = (*LOCAL, "--public-url", "https://gateway.example")


def terminals():
    """The code of `serve` and of `pair` in both themes, and without colours."""
    with plain_lab("qr") as lab:
        screen = Terminal(lab, *SERVE)
        url = screen.line("pair")
        bare = screen.line("connector")
        expect(PAIRING_URL.fullmatch(url), f"the pairing URL is {without_secrets(url)}")
        expect(url.split("#")[0] == bare, f"connector {bare}, pairing {without_secrets(url)}")
        for theme in ("dark", "light"):
            found = decoded(on_screen(lab, screen.drawing(), theme))
            expect(found == url, f"on a {theme} screen zbar reads {without_secrets(found)}")
        for columns, environment, themes in ((80, {}, ("dark", "light")), (120, {"NO_COLOR": "1"}, ("dark",))):
            pair = Terminal(lab, "pair", columns=columns, environment=environment)
            link = pair.line("link")
            expect(link != url and link.split("#")[0] == bare, f"pair's link: {without_secrets(link)}")
            for theme in themes:
                found = decoded(on_screen(lab, pair.drawing(), theme))
                expect(found == link, f"pair on a {theme} screen: {without_secrets(found)}")
            if environment:
                expect("\x1b" not in pair.text(), "colours although NO_COLOR is set")
            pair.close()
        screen.close()
        expect(url.split("#")[1] not in lab.logs(), "the pairing token is in the log")


def nobody_could_scan_it():
    """An address of this machine alone: a link for its own browser, and the reason why no code."""
    with plain_lab("qr-local") as lab:
        screen = Terminal(lab, *LOCAL)
        url = screen.line("pair")
        expect(url.startswith("http://127.0.0.1:") and "#" in url, f"the link: {without_secrets(url)}")
        screen.line("connector")
        expect(not any(block in screen.text() for block in BLOCKS), "a code was drawn all the same")
        expect("no other device reaches this address" in screen.text(),
               f"the reason is not told: {without_secrets(screen.text())}")
        screen.close()


def too_narrow():
    with plain_lab("qr-narrow") as lab:
        screen = Terminal(lab, *SERVE, columns=30)
        url = screen.line("pair")
        expect(PAIRING_URL.fullmatch(url), f"the link: {without_secrets(url)}")
        screen.line("connector")
        expect(not any(block in screen.text() for block in BLOCKS), "a code was drawn all the same")
        said = re.search(r"needs (\d+) columns.* it has 30", screen.text())
        expect(said and int(said.group(1)) > 30, f"the reason is not told: {without_secrets(screen.text())}")
        needed = int(said.group(1))
        for columns, drawn in ((needed, True), (needed - 1, False)):
            pair = Terminal(lab, "pair", columns=columns)
            pair.line("link")
            is_drawn = any(block in pair.text() for block in BLOCKS)
            expect(is_drawn == drawn, f"at {columns} columns a code is drawn: {is_drawn}")
            if drawn:
                expect(decoded(on_screen(lab, pair.drawing(), "dark")) == pair.line("link"), "the tight code")
            pair.close()
        screen.close()


def no_terminal():
    """A pipe gets the bare link: nothing to scan, no fragment."""
    with plain_lab("qr-pipe") as lab:
        out = lab.folder / "out.txt"
        process = lab.spawn([GATEWAY, *SERVE], env=lab.environment, stdin=subprocess.DEVNULL,
                            stdout=open(out, "wb"), stderr=open(lab.folder / "serve-0.log", "wb"))
        until("the connector line", lambda: re.search(r"(?m)^connector +https://\S+/mcp$", out.read_text()))
        process.terminate()
        process.wait(timeout=30)
        said = out.read_text()
        expect("#" not in said and not any(block in said for block in BLOCKS), f"a pipe got {said}")
        expect("client secret  kept" in said, f"the first client's secret: {said}")


def files():
    """`--qr-file` of both kinds, of `serve` and of `pair`."""
    with plain_lab("qr-file") as lab:
        for kind in ("png", "svg"):
            file = lab.folder / f"serve.{kind}"
            ready = lab.serve("--tunnel", "none", "--qr-file", file)
            found = decoded(as_png(file))
            expect(PAIRING_URL.fullmatch(found) and found.split("#")[0] == ready["connector_url"],
                   f"serve --qr-file holds {without_secrets(found)}")
            expect("#" not in str(ready), "the ready line carries the fragment")
            file = lab.folder / f"pair.{kind}"
            file.write_text("old")
            file.chmod(0o644)
            data = lab.json("pair", "--qr-file", file)
            expect(decoded(as_png(file)) == data["url"], "pair --qr-file holds another URL")
            for name in ("serve", "pair"):
                mode = (lab.folder / f"{name}.{kind}").stat().st_mode & 0o777
                expect(mode == 0o600, f"{name}.{kind} has mode {mode:o}")
            lab.stop()
        refused = lab.run("pair", "--qr-file", lab.folder / "x.gif", check=False)
        expect(refused.returncode != 0 and "hint:" in refused.stderr, f"x.gif: {refused}")


def as_png(file):
    if file.suffix == ".png":
        return file
    picture = file.with_suffix(".svg.png")
    subprocess.run(["rsvg-convert", "--width", "700", "--background-color", "white", "-o", picture, file],
                   check=True)
    return picture


class Callback:
    """Where an app's own server would take the answer to its authorization request."""

    def __init__(self):
        self.queries = []
        answers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                if parts.path == "/callback":
                    answers.queries.append(dict(urllib.parse.parse_qsl(parts.query)))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>app</title><link rel=icon href=data:,>back in the app")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/callback"

    def authorization_url(self, origin, client_id, state):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).rstrip(b"=")
        return origin + "/authorize?" + urllib.parse.urlencode({
            "response_type": "code", "client_id": client_id, "redirect_uri": self.url, "state": state,
            "code_challenge": challenge.decode(), "code_challenge_method": "S256",
            "resource": origin + "/mcp", "scope": "observe files run offline_access"})

    def expect_code(self, state, origin):
        query = until("the app to get its answer", lambda: next(
            (q for q in self.queries if q.get("state") == state), None), 20)
        expect(query.get("code") and query.get("iss") == origin, f"the app got {sorted(query)}")


def in_a_browser():
    shots = Path(os.environ.get("GATEWAY_E2E_SHOTS") or tempfile.mkdtemp(prefix="gateway-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    lab = Lab(NOTHING, "qr-browser")
    with lab, NgrokEdge(lab) as edge:
        lab.make_project()
        lab.configure(edge.configuration())
        client = lab.json("mint-client")
        screens = []

        def on_a_terminal(*flags, environment):
            screen = Terminal(lab, "serve", "--listen", "127.0.0.1:0", "--no-open", *flags,
                              environment=environment)
            screens.append(screen)
            connector = screen.line("connector")
            local = re.search(r"gateway \S+ at (\S+)", screen.text()).group(1)
            return {"connector_url": connector, "local_url": local,
                    "public_url": connector.removesuffix("/mcp")}

        ready = edge.serve(start=on_a_terminal)
        origin = ready["public_url"]
        screen = screens[0]
        url = decoded(on_screen(lab, screen.drawing(), "dark"))
        expect(url == screen.line("pair") and url.startswith(origin + "/mcp#"), "the code leads elsewhere")
        token = url.split("#")[1]
        narrow = Terminal(lab, "pair", columns=40)
        expect(narrow.line("link").startswith(origin + "/mcp#"), "no link on a narrow terminal")
        expect("it has 40" in narrow.text() and not any(block in narrow.text() for block in BLOCKS),
               f"40 columns: {without_secrets(narrow.text())}")
        narrow.close()
        with Browser(lab, edge) as browser:
            pair_and_consent(lab, browser, client, url, origin, token, shots)
        expect(token not in lab.logs(), "the pairing token is in the gateway's log")
        for head in edge.proxy.heads:
            expect(token.encode() not in head, "the pairing token is in the head of a request")
        expect(any(head.startswith(b"GET /mcp HTTP") for head in edge.proxy.heads), "no page was asked for")
        expect(client["client_secret"] not in lab.logs(), "the client's secret is in the log")
        if not os.environ.get("GATEWAY_E2E_SHOTS"):
            shutil.rmtree(shots)


def pair_and_consent(lab, browser, client, url, origin, token, shots):
    phone = browser.fresh_page()
    phone.open(url)
    phone.screenshot(shots / "1-connect.png")
    expect(phone.evaluate("location.href") == origin + "/mcp", "the fragment is still in the address")
    expect((401, origin + "/mcp") in [(s, u.split("#")[0]) for s, u in phone.statuses()], f"{phone.statuses()}")
    expect(phone.visible("#by-link") and not phone.visible("#by-code"), "the link alone does not pair")
    phone.tap("#pair")
    phone.screenshot(shots / "2-paired.png")
    expect(phone.content("#client-id") == client["client_id"], f"client id: {phone.content('#client-id')}")
    expect(phone.content("#client-secret") == client["client_secret"], "the secret is not the minted one")
    expect(phone.content("#url") == origin + "/mcp", f"URL: {phone.content('#url')}")
    cookie = [c for c in phone.cookies() if c["name"] == "__Host-gateway_device"]
    expect(len(cookie) == 1, f"cookies: {[c['name'] for c in phone.cookies()]}")
    cookie = cookie[0]
    expect(cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
           and not cookie["domain"].startswith("."), f"cookie: { {**cookie, 'value': '…'} }")
    expect(phone.evaluate("document.cookie") == "", "a script can read the cookie")
    expect(cookie["value"] not in lab.logs(), "the cookie is in the log")
    link = urllib.parse.urlsplit(phone.evaluate("document.querySelector('a.button').href"))
    query = dict(urllib.parse.parse_qsl(link.query))
    expect(link.netloc == "claude.ai" and query["connectorUrl"] == origin + "/mcp", f"Add to Claude: {link}")

    # The same link once more, on a device that is not paired: refused, in words.
    thief = browser.fresh_page()
    thief.open(url)
    thief.tap("#pair")
    thief.screenshot(shots / "3-used-link.png")
    status = [s for s, u in thief.statuses() if u.endswith("/pair")][-1]
    expect(status == 410, f"the used link got {status}")
    expect("was used already" in thief.text() and "gateway pair" in thief.text(), f"it reads: {thief.text()}")
    expect(not thief.cookies(), "a used link sets a cookie")

    # An interstitial page may lose the fragment: the terminal's code pairs as well.
    tablet = browser.fresh_page()
    tablet.dark()
    tablet.open(origin + "/mcp")
    tablet.screenshot(shots / "7-connect-by-code.png")
    expect(tablet.visible("#code") and not tablet.visible("#by-link"), "no field for the code")
    tablet.type("#code", lab.json("pair")["code"].replace("-", "").lower())
    tablet.tap("#pair")
    tablet.screenshot(shots / "8-paired-by-code.png")
    expect(tablet.content("#client-id") == client["client_id"], f"by code it reads: {tablet.text()[:300]}")
    expect([c["name"] for c in tablet.cookies()] == ["__Host-gateway_device"], "no cookie by code")

    # An app asks for access in the paired browser: one tap.
    app = Callback()
    phone.open(app.authorization_url(origin, client["client_id"], "state-1"))
    phone.screenshot(shots / "4-one-tap.png")
    expect(not phone.visible("#code"), "a paired device is asked for a code")
    phone.tap("button[value=allow]")
    app.expect_code("state-1", origin)
    # The other paired device, whose page stood open all the time, shows it without being loaded anew.
    live = until("the live status", lambda: tablet.content("#live p strong") and tablet.content("#live"), 20)
    expect(live.endswith("asked → allowed"), f"the live status reads {live}")
    tablet.screenshot(shots / "9-live.png")

    # The same on a device that nobody paired: the terminal's code is needed.
    other = browser.fresh_page()
    other.open(app.authorization_url(origin, client["client_id"], "state-2"))
    other.screenshot(shots / "5-code-needed.png")
    expect(other.visible("#code"), "a stranger is not asked for a code")
    other.tap("button[value=allow]")
    expect("Type the code" in other.text(), f"without a code it reads: {other.text()}")
    other.type("#code", "0000-0000")
    other.tap("button[value=allow]")
    other.screenshot(shots / "6-wrong-code.png")
    expect("That code is wrong" in other.text(), f"with a wrong code it reads: {other.text()}")
    expect(not any(q.get("state") == "state-2" for q in app.queries), "a stranger got an answer")
    other.type("#code", lab.json("pair")["code"])
    other.tap("button[value=allow]")
    app.expect_code("state-2", origin)

    # A browser notes each answer with an error status; besides those meant to have one it has nothing to say.
    for page, name, meant in ((phone, "the paired page", ["401 /mcp"]),
                              (tablet, "the live status", ["401 /mcp"]),
                              (thief, "the used link", ["401 /mcp", "410 /pair"]),
                              (other, "the unpaired page", ["400 /authorize", "403 /authorize"])):
        noted = [re.sub(rf"^network: Failed .* status of (\d+) \([^)]*\) {re.escape(origin)}([^#?]*).*$", r"\1 \2", line)
                 for line in page.complaints()]
        expect(noted == meant, f"the console of {name}: {without_secrets(str(noted))}")
        for _, address in page.statuses():
            expect(address.startswith((origin, app.url, "data:")), f"{name} loaded {address}")
            expect(token not in address, "the token was sent in an address")


main({"terminals": terminals, "nobody-could-scan-it": nobody_could_scan_it, "too-narrow": too_narrow, "no-terminal": no_terminal, "files": files,
      "browser": in_a_browser})
