"""Durable steps that do nothing: workflows of 1, 5 and 100 of them, one and 64 at once."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .place import HERE, REPOSITORY
from .process import Program, Watch, free_port
from .table import Part, median, number

SHAPES = [(steps, at_once) for steps in (1, 5, 100) for at_once in (1, 64)]

# What each flushes to the disk, from its documentation and its code.
FLUSHES = {
    "Prana, SQLite": "WAL, synchronous=FULL",
    "Prana, PostgreSQL": "synchronous_commit=on",
    "DBOS, SQLite": "rollback journal, synchronous=FULL (SQLite's defaults)",
    "DBOS, PostgreSQL": "synchronous_commit=on",
    "durare, SQLite": "WAL, synchronous=NORMAL: a power cut loses the last commits",
    "durare, SQLite, FULL": "WAL, synchronous=FULL, which durare does not set by itself",
    "durare, PostgreSQL": "synchronous_commit=on",
    "Restate": "its log, a RocksDB with a flushed WAL (rocksdb-disable-wal-fsync=false); each step passes between two processes",
}


# A workflow that takes longer is measured in the first round alone.
LONG_MS = 2_000


class Talking:
    """An engine in a process of its own, which is told what to run."""

    def __init__(self, name, command, place):
        self.name = name
        self.program = Program(command, place.new(name.replace(", ", "-").replace(" ", "-")), place.environment(place.scratch), talks=True)
        self.programs = [self.program]

    def measure(self, steps, at_once, seconds):
        told = json.loads(self.program.ask(f"{steps} {at_once} {seconds}"))
        return told | {"per_second": told["workflows"] / told["seconds"]}

    def stop(self):
        self.program.stop()


class Restate:
    """A server, and a service that it calls."""

    name = "Restate"

    def __init__(self, place):
        self.place = place
        folder = place.new("restate")
        self.port, admin, node, service = (free_port() for _ in range(4))
        environment = place.environment(folder, RESTATE_BASE_DIR=str(folder / "data"), RESTATE_LISTEN_MODE="tcp", RESTATE_LOG_FILTER="error", RESTATE_DISABLE_TELEMETRY="true")
        for name, port in [("RESTATE_INGRESS__", self.port), ("RESTATE_ADMIN__", admin), ("RESTATE_", node)]:
            environment |= {f"{name}BIND_ADDRESS": f"127.0.0.1:{port}", f"{name}ADVERTISED_ADDRESS": f"http://127.0.0.1:{port}"}
        server = place.package("restate", "@restatedev", "restate-server-linux-x64", "bin", "restate-server")
        self.programs = [Program([server, "--no-logo"], folder, environment)]
        # Beside the packages that it imports.
        code = place.folder / "restate" / "service.mjs"
        code.write_text((HERE / "restate" / "service.mjs").read_text())
        self.programs.append(Program([place.node, code, service], folder / "service", environment))
        self.programs[0].wait_until_ready(f"http://127.0.0.1:{admin}/health")
        self.register(admin, service)
        self.programs[0].wait_until_ready(f"http://127.0.0.1:{self.port}/restate/health")

    def register(self, admin, service):
        body = json.dumps({"uri": f"http://127.0.0.1:{service}"}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{admin}/deployments", body, {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"Restate refuses its service: {error.read().decode()[:500]}") from error

    def measure(self, steps, at_once, seconds):
        body = self.place.scratch / f"steps-{steps}.json"
        body.write_text(str(steps))
        told = self.place.send(self.port, path="/steps/run", body=body, expect=f'{{"count":{steps}}}', connections=at_once, seconds=seconds, warm=0)
        if told["failed"] or told["wrong"]:
            raise RuntimeError(f"Restate: {told['problem']}")
        return told | {"per_second": told["timed"] / told["whole"]}

    def stop(self):
        for program in reversed(self.programs):
            program.stop()


def engines(place, postgres):
    """All that can be measured; those with PostgreSQL if there is a server."""
    make = [
        ("Prana, SQLite", [place.bench, "compare", f"db={place.new('prana-steps')}/steps.db"]),
        ("DBOS, SQLite", [place.python, HERE / "dbos" / "steps.py", f"sqlite:///{place.new('dbos')}/steps.db"]),
        ("durare, SQLite", [place.durare, f"sqlite://{place.new('durare')}/steps.db"]),
        ("durare, SQLite, FULL", [place.durare, f"sqlite://{place.new('durare')}/steps.db", "full"]),
    ]
    if postgres:
        server = postgres.rpartition("/")[0]
        make += [
            ("Prana, PostgreSQL", [place.bench, "compare", f"db={server}/prana"]),
            ("DBOS, PostgreSQL", [place.python, HERE / "dbos" / "steps.py", f"{server}/dbos".replace("postgres://", "postgresql://")]),
            ("durare, PostgreSQL", [place.durare, f"{server}/durare"]),
        ]
    for name, command in make:
        if not Path(command[0]).exists():
            print(f"{name} is left out: {command[0]} is not there", file=sys.stderr)
            continue
        yield lambda name=name, command=command: Talking(name, command, place)
    yield lambda: Restate(place)


class Server:
    """A PostgreSQL of its own."""

    def __init__(self, place):
        self.program = Program([REPOSITORY / "tests" / "postgres" / "with", sys.executable, "-c", WAITING], place.new("postgres"), dict(os.environ), talks=True)
        self.url = self.program.process.stdout.readline().strip()
        if not self.url.startswith("postgres"):
            raise RuntimeError(f"no PostgreSQL:\n{self.program.tail()}")
        psql = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
        for name in ("prana", "dbos", "durare"):
            subprocess.run([psql, "-qX", self.url, "-c", f"CREATE DATABASE {name}"], check=True)

    def stop(self):
        # It ends with its input, and takes the server with it.
        self.program.process.stdin.close()
        self.program.process.wait(30)


WAITING = "import os, sys; print(os.environ['PRANA_TEST_POSTGRES'], flush=True); sys.stdin.read()"


def measure(place):
    part = Part("durable")
    postgres = Server(place)
    running = []
    try:
        for engine in engines(place, postgres.url):
            running.append(engine())
        seconds = 0.3 if place.quick else 1.0
        told = {engine.name: {shape: [] for shape in SHAPES} for engine in running}
        watch = Watch(*(program for engine in running for program in engine.programs))
        for engine in running:
            engine.measure(5, 4, seconds)
        for turn in range(1 if place.quick else 2):
            for shape in SHAPES:
                for engine in running:
                    rounds = told[engine.name][shape]
                    # Once is enough for what takes so long.
                    if turn == 0 or rounds[0]["p99_ms"] < LONG_MS:
                        rounds.append(engine.measure(*shape, seconds))
        others = watch.others()
    finally:
        for engine in running:
            engine.stop()
        postgres.stop()
    tell(part, told)
    part.fact(f"Others, PostgreSQL among them, took {others:.0%} of the machine.")
    return part


def tell(part, told):
    columns = ["engine", *(f"{steps} step{'s' if steps > 1 else ''}, {at_once} at once" for steps, at_once in SHAPES), "what is flushed"]

    def of(name, shape, what):
        return median([one[what] for one in told[name][shape]])

    rates = [[name, *(number(of(name, (steps, at_once), "per_second") * steps) for steps, at_once in SHAPES), FLUSHES[name]] for name in told]
    part.table("Durable steps of nothing: steps a second", columns, rates)
    times = [[name, *(f"{number(of(name, shape, 'p50_ms'))}, {number(of(name, shape, 'p99_ms'))}" for shape in SHAPES)] for name in told]
    part.table("A whole workflow of durable steps: p50 and p99, ms", columns[:-1], times)
    shape = (100, 64)
    peers = [name for name in told if not name.startswith("Prana")]
    best = max(peers, key=lambda name: of(name, shape, "per_second"))
    ratios = [ours["per_second"] / theirs["per_second"] for ours, theirs in zip(told["Prana, SQLite"][shape], told[best][shape])]
    part.target(f"durable steps, SQLite FULL, 64 at once, to the best peer ({best})", median(ratios), "times", at_least=4)
    if "Prana, PostgreSQL" in told:
        part.target("durable steps, PostgreSQL, one worker, 64 at once", of("Prana, PostgreSQL", shape, "per_second") * 100, "steps/s", at_least=10_000)
