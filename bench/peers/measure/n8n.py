"""n8n as it is shipped (SQLite, regular mode), with workflows that do what Prana's do."""

import hashlib
import json
import shutil
import sqlite3
import subprocess

from .process import Program, free_port

# What calls home is off, and so is what asks people for things. Nothing else is changed.
SETTINGS = {
    "N8N_LISTEN_ADDRESS": "127.0.0.1",
    "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": "127.0.0.1",
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_HIRING_BANNER_ENABLED": "false",
    "N8N_LOG_LEVEL": "warn",
}


def greet():
    fields = {"greeting": "=Hello {{ $json.query.name }}", "shout": "={{ $json.query.name.toUpperCase() }}"}
    return workflow("greet", [webhook("greet", "GET"), fill("greet", fields), answer()])


def chain(nodes):
    line = [fill(f"n{number}", {"n": "={{ $json.n + 1 }}"}, "number") for number in range(2, nodes + 1)]
    return workflow("chain", [webhook("chain", "POST"), fill("n1", {"n": "={{ $json.body.n + 1 }}"}, "number"), *line, answer()])


def loop():
    split = node("split", "splitOut", 1, {"fieldToSplitOut": "body.items", "options": {}})
    each = node("each", "splitInBatches", 3, {"batchSize": 1, "options": {}})
    last = answer({"respondWith": "json", "responseBody": '={{ {"count": $input.all().length} }}'})
    nodes = [webhook("loop", "POST"), split, each, fill("body", {"n": "={{ $json.n + 1 }}"}, "number"), last]
    connections = [("hook", 0, "split"), ("split", 0, "each"), ("each", 1, "body"), ("body", 0, "each"), ("each", 0, "answer")]
    return workflow("loop", nodes, connections)


def calls(count):
    """Answered at once, while the calls are made; the query says where to."""
    origin = "$('hook').first().json.query"
    steps = []
    for step in range(count):
        url = f"=http://127.0.0.1:{{{{ {origin}.ledger }}}}/?step={step}&run={{{{ {origin}.run }}}}"
        steps.append(node(f"c{step}", "httpRequest", 4.2, {"url": url, "options": {}}))
    return workflow("calls", [webhook("calls", "GET", "onReceived"), *steps])


def webhook(path, method, mode="responseNode"):
    told = node("hook", "webhook", 2, {"path": path, "httpMethod": method, "responseMode": mode, "options": {}})
    return told | {"webhookId": path}


def fill(name, fields, kind="string"):
    rows = [{"id": key, "name": key, "value": value, "type": kind} for key, value in fields.items()]
    return node(name, "set", 3.4, {"assignments": {"assignments": rows}, "options": {}})


def answer(parameters=None):
    return node("answer", "respondToWebhook", 1.1, (parameters or {"respondWith": "firstIncomingItem"}) | {"options": {}})


def node(name, kind, version, parameters):
    return {"id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version, "position": [0, 0], "parameters": parameters}


def workflow(name, nodes, connections=None):
    for place, one in enumerate(nodes):
        one["position"] = [place * 200, 0]
    names = [one["name"] for one in nodes]
    wires = {}
    for source, port, target in connections or [(a, 0, b) for a, b in zip(names, names[1:])]:
        outputs = wires.setdefault(source, {"main": []})["main"]
        outputs.extend([] for _ in range(port + 1 - len(outputs)))
        outputs[port].append({"node": target, "type": "main", "index": 0})
    return {"id": name, "name": name, "nodes": nodes, "connections": wires, "settings": {"executionOrder": "v1"}, "active": False}


class N8n:
    """A server. Its database holds the workflows of all parts."""

    name = "n8n"

    def __init__(self, place, **more):
        self.place = place
        self.more = more
        self.folder = place.new("n8n")
        shutil.copytree(prepared(place), self.folder, dirs_exist_ok=True)
        self.start()

    def start(self):
        self.port = free_port()
        environment = self.place.environment(
            self.folder, N8N_USER_FOLDER=str(self.folder), N8N_PORT=str(self.port), N8N_RUNNERS_BROKER_PORT=str(free_port()), **SETTINGS, **self.more
        )
        self.program = Program([*program(self.place), "start"], self.folder, environment)
        self.ready_after = self.program.wait_until_ready(f"http://127.0.0.1:{self.port}/healthz/readiness", 240, 0.02)
        # Ready is said before the webhooks are there.
        self.program.wait_until_ready(f"http://127.0.0.1:{self.port}/webhook/greet?name=a", 240, 0.02)

    def executions(self):
        """The statuses of its executions, the oldest first."""
        connection = sqlite3.connect(f"file:{self.folder / '.n8n' / 'database.sqlite'}?mode=ro", uri=True)
        try:
            return [status for (status,) in connection.execute("SELECT status FROM execution_entity WHERE workflowId = 'calls' ORDER BY id")]
        finally:
            connection.close()

    def path(self, name):
        return f"/webhook/{name}"

    def stop(self):
        self.program.stop()


def program(place):
    return [place.node, place.package("n8n", "n8n", "bin", "n8n")]


def prepared(place):
    """A data folder with the tables and the active workflows, made once with n8n's own commands."""
    workflows = [greet(), chain(100), loop(), calls(50)]
    text = json.dumps(workflows, indent=1)
    folder = place.folder / f"n8n-data-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    making = place.new("n8n-making")
    (making / "workflows.json").write_text(text)
    environment = place.environment(making, N8N_USER_FOLDER=str(making), N8N_RUNNERS_BROKER_PORT=str(free_port()), **SETTINGS)
    commands = [["import:workflow", "--input=workflows.json"], *(["publish:workflow", f"--id={one['id']}"] for one in workflows)]
    for command in commands:
        done = subprocess.run([*program(place), *command], cwd=making, env=environment, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"n8n {' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    making.rename(folder)
    return folder
