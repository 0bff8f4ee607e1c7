"""From the start of a program to its first answer, what it holds then, and how large it is."""

import subprocess
import time
from pathlib import Path

from . import n8n, node_red, prana
from .table import Part, median, number, spread


def measure(place):
    part = Part("start")
    times = 3 if place.quick else 15
    ours = [started(lambda: prana.Prana(place)) for _ in range(times)]
    red = [started(lambda: node_red.NodeRed(place)) for _ in range(1 if place.quick else 3)]
    shipped = [started(lambda: n8n.N8n(place)) for _ in range(1)]
    binary = place.prana.stat().st_size / 1e6
    rows = [
        row("Prana", ours, f"{number(binary)} MB, one file"),
        row("Node-RED", red, size(place.folder / "node-red")),
        row("n8n", shipped, size(place.folder / "n8n")),
    ]
    part.table("Start", ["", "start to ready, ms", "idle, MB", "installed"], rows)
    part.target("start to ready, empty database", median([ready for ready, _ in ours]), "ms", at_most=100)
    part.target("idle memory (RSS)", median([idle for _, idle in ours]), "MB", at_most=40)
    part.target("binary", binary, "MB", at_most=60)
    part.fact("Each start is with an empty database, n8n's with one whose tables are made. Installed sizes are without Node.js.")
    return part


def started(start):
    """Milliseconds until it is ready, and megabytes when it has been so for a while."""
    server = start()
    try:
        time.sleep(1)
        return server.ready_after * 1e3, server.program.resident_mb()
    finally:
        server.stop()


def row(name, starts, installed):
    return [name, spread([ready for ready, _ in starts]), spread([idle for _, idle in starts]), installed]


def size(folder: Path):
    told = subprocess.run(["du", "-sm", str(folder)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return f"{number(float(told.split()[0]))} MB"
