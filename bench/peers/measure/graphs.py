"""A line of 100 nodes, and a loop over 1,000 items: from the request to the answer, one at a time."""

import json

from . import n8n, node_red, prana
from .process import Watch
from .table import Part, median, number

NODES, ITEMS = 100, 1000


def measure(place):
    part = Part("graphs")
    body = place.scratch / "chain.json"
    body.write_text('{"n": 0}')
    items = place.scratch / "loop.json"
    items.write_text(json.dumps({"items": [{"n": number} for number in range(ITEMS)]}))
    requests = {
        "chain": {"body": body, "expect": f'"n":{NODES}'},
        "loop": {"body": items, "expect": f'"count":{ITEMS}'},
    }
    servers = started(place)
    try:
        programs = [server.program for _, server in servers]
        watch = Watch(*programs)
        told = {(name, what): [] for name, _ in servers for what in requests}
        for _ in range(1 if place.quick else 2):
            for what, options in requests.items():
                for name, server in servers:
                    told[name, what].append(send(place, server, what, options))
        others = watch.others()
    finally:
        for _, server in servers:
            server.stop()
    rows = []
    for name, _ in servers:
        columns = [[one[column] for one in told[name, what]] for what in requests for column in ("p50_ms", "p99_ms")]
        rows.append([name, *(number(median(column)) for column in columns)])
    part.table(
        f"A line of {NODES} nodes, a loop over {ITEMS:,} items",
        ["", "line: p50, ms", "p99, ms", "loop: p50, ms", "p99, ms"],
        rows,
    )
    part.fact("A line: each node with one expression. A loop: split, one node with one expression for each item, joined. One request at a time, its HTTP included.")
    part.fact(f"Others took {others:.0%} of the machine.")
    return part


def started(place):
    saved, unsaved = prana.Prana(place), prana.Prana(place)
    servers = [("Prana, saved, durable", saved), ("Prana, `save: none`", unsaved)]
    for server, save in [(saved, "all"), (unsaved, "none")]:
        server.serve(prana.chain(NODES, save))
        server.serve(prana.loop(save))
    servers.append(("Node-RED (JSONata)", node_red.NodeRed(place, node_red.chain(NODES), node_red.loop())))
    servers.append(("n8n", n8n.N8n(place)))
    servers.append(("n8n, `N8N_EXPRESSION_ENGINE=legacy`", n8n.N8n(place, N8N_EXPRESSION_ENGINE="legacy")))
    return servers


def send(place, server, what, options):
    """A few requests that don't count, and then some seconds of them."""
    options |= {"path": server.path(what), "connections": 1, "warm": 0}
    for _ in range(1 if place.quick else 2):
        place.send(server.port, seconds=30, most=1, **options)
    told = place.send(server.port, seconds=1 if place.quick else 3, **options)
    if told["failed"] or told["wrong"] or not told["timed"]:
        raise RuntimeError(f"{server.name}, {what}: {told['problem'] or 'nothing was answered'}")
    return told
