"""A headless Chromium, driven through the DevTools protocol over a pipe: no package, no port."""

import base64
import contextlib
import fcntl
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time

from harness import DEADLINE_SECS, Failure, expect

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--window-size=390,844"]
WIDTH, HEIGHT = 390, 844


class Browser:
    """One Chromium with an empty profile behind an edge's proxy."""

    def __init__(self, lab, edge):
        program = shutil.which("chromium")
        if not program:
            raise Failure("chromium is not installed")
        profile = lab.folder / "chromium"
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Numbers above 3 and 4, which the program expects, so that the one does not close the other.
        inside = [fcntl.fcntl(fd, fcntl.F_DUPFD, 40) for fd in (to_read, from_write)]
        os.close(to_read)
        os.close(from_write)
        # The pin stands for an installed authority: the certificate must be the edge proxy's own.
        words = [program, *FLAGS, f"--user-data-dir={profile}", f"--proxy-server={edge.proxy_url}",
                 f"--ignore-certificate-errors-spki-list={edge.proxy.authority.key_pin()}", "about:blank"]
        self.process = lab.spawn(
            ["bash", "-c", f'exec "$@" 3<&{inside[0]} 4>&{inside[1]}', "bash", *words],
            pass_fds=inside, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(lab.folder / "chromium.log", "wb"), start_new_session=True,
            env={"HOME": str(lab.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
        for fd in inside:
            os.close(fd)
        self._to, self._from = os.fdopen(to_write, "wb", buffering=0), os.fdopen(from_read, "rb", buffering=0)
        self._answers, self._number, self.pages = {}, 0, {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while piece := self._from.read(1 << 16):
                *whole, rest = (rest + piece).split(b"\0")
                for message in map(json.loads, whole):
                    if "id" in message:
                        self._answers[message["id"]].put(message)
                    elif page := self.pages.get(message.get("sessionId")):
                        page.events.append(message)

    def call(self, method, session=None, **parameters):
        self._number += 1
        number = self._number
        self._answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        try:
            answer = self._answers[number].get(timeout=DEADLINE_SECS)
        except queue.Empty:
            raise Failure(f"the browser does not answer {method}") from None
        expect("error" not in answer, f"{method}: {answer.get('error')}")
        return answer["result"]

    def fresh_page(self):
        """A page in a profile of its own: no cookie of any other page is there."""
        profile = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=profile)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, profile, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT,
                  deviceScaleFactor=2, mobile=True)
        page.call("Emulation.setTouchEmulationEnabled", enabled=True)
        return page

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=15)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """One tab."""

    def __init__(self, browser, profile, session):
        self.browser, self.profile, self.session, self.events = browser, profile, session, []

    def call(self, method, **parameters):
        return self.browser.call(method, session=self.session, **parameters)

    def of(self, method):
        return [event["params"] for event in list(self.events) if event["method"] == method]

    def _after_load(self, act):
        before = len(self.of("Page.loadEventFired"))
        act()
        end = time.monotonic() + DEADLINE_SECS
        while len(self.of("Page.loadEventFired")) == before:
            if time.monotonic() > end:
                raise Failure(f"the page did not load: {self.text()[:300]}")
            time.sleep(0.02)

    def open(self, url):
        def go():
            # The same document with another fragment would not load anew.
            failed = self.call("Page.navigate", url=url).get("errorText")
            expect(not failed, f"{url.split('#')[0]} does not open: {failed}")
        self._after_load(go)

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        expect("exceptionDetails" not in answer, f"{script}: {answer.get('exceptionDetails')}")
        return answer["result"].get("value")

    def text(self):
        return self.evaluate("document.body.innerText")

    def content(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent")

    def visible(self, selector):
        return self.evaluate(f"!!document.querySelector({json.dumps(selector)})?.checkVisibility()")

    def tap(self, selector, loads=True):
        """A finger's tap in the middle of an element."""
        spot = self.evaluate(f"""(() => {{
            const it = document.querySelector({json.dumps(selector)});
            if (!it) return null;
            it.scrollIntoView({{block: "center"}});
            const box = it.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2, box.height];
        }})()""")
        expect(spot, f"there is no {selector}: {self.text()[:500]}")
        expect(spot[2] >= 40, f"{selector} is {spot[2]} px high: too small for a finger")

        def act():
            self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": spot[0], "y": spot[1]}])
            self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self._after_load(act) if loads else act()

    def type(self, selector, text):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def cookies(self):
        return self.browser.call("Storage.getCookies", browserContextId=self.profile)["cookies"]

    def statuses(self):
        """(status, URL without fragment) of every answer so far."""
        return [(event["response"]["status"], event["response"]["url"]) for event in self.of("Network.responseReceived")]

    def complaints(self):
        """Errors of the console, the page's scripts and its security policy."""
        found = [f"{entry['entry']['source']}: {entry['entry']['text']} {entry['entry'].get('url', '')}"
                 for entry in self.of("Log.entryAdded") if entry["entry"]["level"] in ("error", "warning")]
        found += [str(event["args"]) for event in self.of("Runtime.consoleAPICalled") if event["type"] == "error"]
        found += [str(event["exceptionDetails"]) for event in self.of("Runtime.exceptionThrown")]
        return found

    def dark(self):
        """The device prefers dark pages from now on."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def screenshot(self, file):
        """Keeps what the page looks like; it must fit the screen's width."""
        wide = self.evaluate("document.documentElement.scrollWidth")
        expect(wide <= WIDTH, f"{file.stem} is {wide} px wide on a screen of {WIDTH}")
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))
