"""Prana's server, with the workflows of the measurement."""

import json
import re
import sqlite3
import urllib.request

from .process import Program, free_port


def greet(save="all"):
    """A webhook, a node with two templates, an answer."""
    fields = {"greeting": "Hello {{ $input.query.name }}", "shout": "{{ $input.query.name | upper_case }}"}
    return workflow("greet", [hook("greet", "GET"), fill("greet", fields), {"key": "answer", "type": "webhook.respond"}], save=save)


def chain(nodes, save="all"):
    """A webhook, nodes in a line, an answer."""
    line = [fill(f"n{number}", {"n": "{{ $input.n + 1 }}"}) for number in range(2, nodes + 1)]
    first = fill("n1", {"n": "{{ $input.body.n + 1 }}"})
    return workflow("chain", [hook("chain", "POST"), first, *line, {"key": "answer", "type": "webhook.respond"}], save=save)


def loop(save="all"):
    """A webhook, a node for each of its items, an answer."""
    nodes = [
        hook("loop", "POST"),
        {"key": "each", "type": "core.for_each", "params": {"collection": "{{ $input.body.items }}"}},
        fill("body", {"n": "{{ $input.n + 1 }}"}),
        {"key": "answer", "type": "webhook.respond", "params": {"body": {"count": "{{ $input.count }}"}}},
    ]
    return workflow("loop", nodes, ["hook -> each", "each.loop -> body -> each", "each.done -> answer"], save)


def calls(count, ledger):
    """A webhook that is answered at once, and calls of another service one after the other."""
    call = {"url": f"http://127.0.0.1:{ledger}/", "query": {"run": "{{ $trigger.query.run }}"}}
    nodes = [{"key": f"c{step}", "type": "http.request", "params": call | {"query": call["query"] | {"step": str(step)}}} for step in range(count)]
    return workflow("calls", [hook("calls", "GET", "immediately"), *nodes])


def hook(path, method, respond="respond_node"):
    return {"key": "hook", "type": "webhook.trigger", "params": {"path": path, "methods": [method], "respond": respond}}


def fill(key, fields):
    return {"key": key, "type": "data.set_data", "params": {"fields": fields}}


def workflow(name, nodes, connections=None, save="all"):
    line = " -> ".join(node["key"] for node in nodes)
    return {"id": name, "settings": {"save": save}, "nodes": nodes, "connections": connections or [line]}


class Prana:
    """A server over a database file (WAL, synchronous=FULL)."""

    name = "Prana"

    def __init__(self, place, folder=None):
        self.place = place
        self.folder = folder or place.new("prana")
        self.start()

    def start(self):
        self.port = free_port()
        command = [self.place.prana, "serve", "--db", self.folder / "prana.db", "--listen", f"127.0.0.1:{self.port}", "--allow-private-network"]
        environment = self.place.environment(self.folder, PRANA_LOG="error")
        self.program = Program(command, self.folder, environment)
        self.ready_after = self.program.wait_until_ready(f"http://127.0.0.1:{self.port}/readyz")

    def serve(self, workflow):
        """Saves a workflow and makes it active."""
        self.post("workflows", workflow)
        self.post(f"workflows/{workflow['id']}/activate", {})

    def post(self, path, body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def completed(self):
        """How many executions completed since the start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            found = re.search(r'^prana_executions_ended_total\{end="completed"\} (\d+)', answer.read().decode(), re.M)
        return int(found[1])

    def stored(self):
        """How many executions are in the file."""
        connection = sqlite3.connect(f"file:{self.folder / 'prana.db'}?mode=ro", uri=True)
        try:
            return connection.execute("SELECT count(*) FROM execution WHERE completed_at IS NOT NULL").fetchone()[0]
        finally:
            connection.close()

    def path(self, name):
        return f"/webhook/{name}"

    def stop(self):
        self.program.stop()
