#!/usr/bin/env python3
"""Draws half-block terminal output as a PNG, as a screen with a given theme would show it.

    terminal_to_png.py [--theme dark|light] [--cell WIDTHxHEIGHT] < output.txt > screen.png

Only what a QR code needs is understood: space, full and half blocks, and the SGR sequences for
colours. Other characters are drawn as spaces (text beside the code is not the question here), any
other escape sequence is an error. Standard library only, so that a decoder reads pixels that no
code under test has touched.
"""

import argparse
import re
import struct
import sys
import zlib

THEMES = {"dark": ((204, 204, 204), (30, 30, 30)), "light": ((40, 40, 40), (253, 246, 227))}
# The sixteen named colours as a theme might have them: deliberately not pure black and white.
NAMED = [
    (7, 54, 66), (220, 50, 47), (133, 153, 0), (181, 137, 0),
    (38, 139, 210), (211, 54, 130), (42, 161, 152), (238, 232, 213),
    (0, 43, 54), (203, 75, 22), (88, 110, 117), (101, 123, 131),
    (131, 148, 150), (108, 113, 196), (147, 161, 161), (253, 246, 227),
]
# Which part of a cell is ink: (upper half, lower half).
BLOCKS = {"█": (True, True), "▀": (True, False), "▄": (False, True)}
TOKEN = re.compile(r"\x1b\[([0-9;]*)m|(\x1b.?)|(.)", re.DOTALL)


def indexed(number):
    """The colour of an entry of xterm's 256-colour table."""
    if number < 16:
        return NAMED[number]
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    number -= 16
    steps = (0, 95, 135, 175, 215, 255)
    return steps[number // 36], steps[number // 6 % 6], steps[number % 6]


def apply_sgr(parameters, colours, default):
    """The (foreground, background) after one SGR sequence."""
    codes = [int(code or 0) for code in parameters.split(";")]
    foreground, background = colours
    while codes:
        code = codes.pop(0)
        if code == 0:
            foreground, background = default
        elif code in (38, 48):
            kind = codes.pop(0)
            if kind == 5:
                colour = indexed(codes.pop(0))
            elif kind == 2:
                colour = (codes.pop(0), codes.pop(0), codes.pop(0))
            else:
                raise SystemExit(f"unknown colour kind {kind}")
            if code == 38:
                foreground = colour
            else:
                background = colour
        elif 30 <= code <= 37 or 90 <= code <= 97:
            foreground = NAMED[code - 30 if code < 40 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            background = NAMED[code - 40 if code < 50 else code - 92]
        elif code == 39:
            foreground = default[0]
        elif code == 49:
            background = default[1]
        elif code == 7:
            foreground, background = background, foreground
        else:
            raise SystemExit(f"unknown SGR code {code}")
    return foreground, background


def rows_of_colours(text, theme):
    """Two rows of colours for each line of text."""
    default = THEMES[theme]
    colours = default
    rows, upper, lower = [], [], []
    for sgr, other_escape, character in (match.groups() for match in TOKEN.finditer(text)):
        if sgr is not None:
            colours = apply_sgr(sgr, colours, default)
        elif other_escape:
            raise SystemExit(f"unknown escape sequence {other_escape!r}")
        elif character == "\n":
            rows += [upper, lower]
            upper, lower = [], []
        elif character != "\r":
            ink_above, ink_below = BLOCKS.get(character, (False, False))
            upper.append(colours[0] if ink_above else colours[1])
            lower.append(colours[0] if ink_below else colours[1])
    return rows + [upper, lower]


def png(rows, background, cell):
    """A PNG of the rows with some empty screen around them."""
    cell_width, half_height = cell[0], cell[1] // 2
    margin = 3
    columns = max(map(len, rows)) + 2 * margin
    empty = [[background] * columns] * margin * 2
    framed = [
        [background] * margin + row + [background] * (columns - margin - len(row)) for row in rows
    ]
    data = bytearray()
    for row in empty + framed + empty:
        line = b"\0" + b"".join(bytes(colour) * cell_width for colour in row)
        data += line * half_height

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height = (len(framed) + 2 * len(empty)) * half_height
    header = struct.pack(">IIBBBBB", columns * cell_width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(data)))
        + chunk(b"IEND", b"")
    )


def cell_size(text):
    width, height = map(int, text.split("x"))
    if width < 1 or height < 2 or height % 2:
        raise argparse.ArgumentTypeError("a cell is WIDTHxHEIGHT pixels with an even height")
    return width, height


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--theme", choices=THEMES, default="dark")
    parser.add_argument("--cell", type=cell_size, default=(8, 16), metavar="WIDTHxHEIGHT")
    options = parser.parse_args()
    text = sys.stdin.buffer.read().decode("utf-8")
    rows = rows_of_colours(text, options.theme)
    sys.stdout.buffer.write(png(rows, THEMES[options.theme][1], options.cell))


if __name__ == "__main__":
    main()
