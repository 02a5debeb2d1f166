"""A terminal as a person has one, and what a scanner sees on it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading

from harness import GATEWAY, ROOT, expect, until

BLOCKS = "█▀▄"


class Terminal:
    """A command of the gateway on a terminal of a given size."""

    def __init__(self, lab, *words, columns=120, rows=60, environment=None):
        self.log = lab.folder / f"serve-{len(list(lab.folder.glob('serve-*.log')))}.log"
        near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = lab.spawn(
            [GATEWAY, "-vv", *words], stdin=far, stdout=far, stderr=open(self.log, "wb"),
            start_new_session=True,
            env=lab.environment | {"TERM": "xterm-256color"} | (environment or {}))
        os.close(far)
        self._near, self._text, self._ended = near, b"", threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while piece := os.read(self._near, 65536):
                self._text += piece
        except OSError:  # the last writer closed the terminal
            pass
        self._ended.set()

    def text(self):
        return self._text.decode("utf-8").replace("\r\n", "\n")

    def line(self, word):
        """What stands after `word` in the line that begins with it."""
        # To the line's end: a piece that was read may stop within it.
        whole = rf"(?m)^{word} +(\S+)\n"
        until(f"the line {word!r}", lambda: self._ended.is_set() or re.search(whole, self.text()))
        found = re.search(whole, self.text())
        expect(found, f"it ended without {word!r}: {without_secrets(self.text())}\n{self.log.read_text()[-2000:]}")
        return found.group(1)

    def drawing(self):
        """The lines of the code, colours included."""
        lines = [line for line in self.text().split("\n") if any(block in line for block in BLOCKS)]
        expect(lines, f"no code was drawn: {without_secrets(self.text())}")
        # The quiet zone has lines without ink, which belong to the code as well.
        every = self.text().split("\n")
        first, last = every.index(lines[0]), len(every) - 1 - every[::-1].index(lines[-1])
        while first > 0 and not strip(every[first - 1]) and every[first - 1]:
            first -= 1
        while last + 1 < len(every) and not strip(every[last + 1]) and every[last + 1]:
            last += 1
        return "\n".join(every[first:last + 1])

    def close(self):
        """Hangs up; the program is ended by its lab."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self._ended.wait(10)
        os.close(self._near)


def strip(line):
    return re.sub(r"\x1b\[[0-9;]*m", "", line).strip()


def without_secrets(text):
    return re.sub(r"#[A-Za-z0-9_-]{22}", "#…", text)


def decoded(picture):
    """What zbar reads in a PNG."""
    done = subprocess.run(["zbarimg", "--quiet", "--raw", "--oneshot", str(picture)], text=True,
                          capture_output=True)
    expect(done.returncode == 0, f"zbar reads no code in {picture.name}: {done.stderr}")
    return done.stdout.strip()


def on_screen(lab, drawing, theme):
    picture = lab.folder / f"screen-{theme}.png"
    with open(picture, "wb") as file:
        subprocess.run([sys.executable, ROOT / "e2e/terminal_to_png.py", "--theme", theme],
                       input=drawing.encode(), stdout=file, check=True)
    return picture
