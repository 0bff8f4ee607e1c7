"""Node-RED as it is shipped, with flows that do what Prana's workflows do. It keeps nothing."""

import json

from .process import Program, free_port

SETTINGS = """module.exports = {{
    flowFile: "flows.json", uiHost: "127.0.0.1", uiPort: {port},
    telemetry: {{ enabled: false, updateNotification: false }},
    diagnostics: {{ enabled: false }},
    editorTheme: {{ tours: false }},
}};
"""


def answering(name, method, nodes):
    """An `http in`, nodes in a line, an `http response`."""
    line = [{"type": "http in", "url": f"/{name}", "method": method, "upload": False}, *nodes]
    line.append({"type": "http response", "statusCode": "", "headers": {}})
    return wired(name, line)


def wired(name, line):
    keyed = [node | {"id": f"{name}{place}", "z": "tab", "x": 100, "y": 40} for place, node in enumerate(line)]
    for place, node in enumerate(keyed):
        node["wires"] = [[keyed[place + 1]["id"]]] if place + 1 < len(keyed) else []
    return keyed


def change(**fields):
    """A change node that sets properties by JSONata."""
    rules = [{"t": "set", "p": name, "pt": "msg", "to": to, "tot": "jsonata"} for name, to in fields.items()]
    return {"type": "change", "rules": rules}


def function(code):
    return {"type": "function", "func": code, "outputs": 1, "timeout": 0, "noerr": 0, "initialize": "", "finalize": "", "libs": []}


def greet_by_function():
    code = "msg.payload = {greeting: 'Hello ' + msg.payload.name, shout: msg.payload.name.toUpperCase()};\nreturn msg;"
    return answering("greet-function", "get", [function(code)])


def greet_by_change():
    to = '{"greeting": "Hello " & payload.name, "shout": $uppercase(payload.name)}'
    return answering("greet-change", "get", [change(payload=to)])


def chain(nodes):
    step = {"type": "change", "rules": [{"t": "set", "p": "payload.n", "pt": "msg", "to": "payload.n + 1", "tot": "jsonata"}]}
    return answering("chain", "post", [step] * nodes)


def loop():
    items = {"type": "change", "rules": [{"t": "set", "p": "payload", "pt": "msg", "to": "payload.items", "tot": "msg"}]}
    split = {"type": "split", "splt": "\\n", "spltType": "str", "arraySplt": 1, "arraySpltType": "len", "stream": False, "addname": "", "property": "payload"}
    step = {"type": "change", "rules": [{"t": "set", "p": "payload.n", "pt": "msg", "to": "payload.n + 1", "tot": "jsonata"}]}
    join = {"type": "join", "mode": "auto", "build": "object", "property": "payload", "propertyType": "msg", "key": "topic", "joiner": "\\n", "joinerType": "str"}
    join |= {"useparts": True, "accumulate": False, "timeout": "", "count": "", "reduceRight": False}
    return answering("loop", "post", [items, split, step, join, change(payload='{"count": $count(payload)}')])


def calls(count, ledger):
    """Answered at once, while the calls are made."""
    begin = {"type": "http in", "url": "/calls", "method": "get", "upload": False}
    keep = function("msg.run = msg.payload.run;\nreturn msg;")
    steps = []
    for step in range(count):
        steps.append({"type": "change", "rules": [{"t": "set", "p": "url", "pt": "msg", "to": f'"http://127.0.0.1:{ledger}/?step={step}&run=" & run', "tot": "jsonata"}]})
        steps.append({"type": "http request", "method": "GET", "ret": "txt", "paytoqs": "ignore", "url": "", "persist": False, "authType": "", "senderr": False, "headers": []})
    flow = wired("calls", [begin, keep, *steps])
    answer = {"id": "callsanswer", "z": "tab", "x": 100, "y": 80, "type": "http response", "statusCode": "200", "headers": {}, "wires": []}
    flow[0]["wires"][0].append("callsanswer")
    return [*flow, answer]


class NodeRed:
    """A server with flows."""

    name = "Node-RED"

    def __init__(self, place, *flows):
        self.place = place
        self.folder = place.new("node-red")
        nodes = [{"id": "tab", "type": "tab", "label": "measured"}, *(node for flow in [answering("ready", "get", []), *flows] for node in flow)]
        (self.folder / "flows.json").write_text(json.dumps(nodes))
        self.start()

    def start(self):
        self.port = free_port()
        (self.folder / "settings.js").write_text(SETTINGS.format(port=self.port))
        command = [self.place.node, self.place.package("node-red", "node-red", "red.js"), "--settings", "settings.js", "--userDir", self.folder]
        self.program = Program(command, self.folder, self.place.environment(self.folder))
        # The editor is there before the flows.
        self.ready_after = self.program.wait_until_ready(f"http://127.0.0.1:{self.port}/ready")

    def path(self, name):
        return f"/{name}"

    def stop(self):
        self.program.stop()
