"""A request to a webhook, a node with two expressions, an answer: requests a second, how long they take, memory, and whether each answer is right."""

from . import n8n, node_red, prana
from .process import Watch
from .table import Part, median, number, spread

EXPECT = '"greeting":"Hellon{n}"'
CONNECTIONS = 50


class Contestant:
    """A way to answer the same request, and what was measured of it."""

    def __init__(self, name, server, path, seconds):
        self.name = name
        self.server = server
        self.path = path
        self.seconds = seconds
        self.idle_mb = server.program.resident_mb()
        self.most_mb = 0.0
        self.rounds = []

    def measure(self, place, seconds=None, **options):
        watch = Watch(self.server.program)
        before = self.server.program.cpu_seconds()
        told = place.send(
            self.server.port,
            path=f"{self.path}?name=n{{n}}",
            expect=EXPECT,
            connections=options.get("connections", CONNECTIONS),
            seconds=seconds or self.seconds,
            warm=options.get("warm", 0.5),
        )
        told["cpu_ms"] = (self.server.program.cpu_seconds() - before) * 1e3 / max(1, told["requests"])
        told["others"] = watch.others()
        self.most_mb = max(self.most_mb, self.server.program.resident_mb())
        return told

    def column(self, name):
        return [told[name] for told in self.rounds]


def measure(place):
    part = Part("webhook")
    saved, unsaved = prana.Prana(place), prana.Prana(place)
    saved.serve(prana.greet())
    unsaved.serve(prana.greet(save="none"))
    red = node_red.NodeRed(place, node_red.greet_by_function(), node_red.greet_by_change())
    shipped = n8n.N8n(place)
    legacy = n8n.N8n(place, N8N_EXPRESSION_ENGINE="legacy")
    servers = [saved, unsaved, red, shipped, legacy]
    try:
        seconds = 1 if place.quick else 3
        contestants = [
            Contestant("Prana, saved, durable", saved, saved.path("greet"), seconds),
            Contestant("Prana, `save: none`", unsaved, unsaved.path("greet"), seconds),
            Contestant("Node-RED, function node", red, red.path("greet-function"), seconds),
            Contestant("Node-RED, change node (JSONata)", red, red.path("greet-change"), seconds),
            Contestant("n8n", shipped, shipped.path("greet"), seconds * 2),
            Contestant("n8n, `N8N_EXPRESSION_ENGINE=legacy`", legacy, legacy.path("greet"), seconds * 2),
        ]
        for contestant in contestants:
            contestant.measure(place, seconds=1, warm=1 if place.quick else 2)
        for _ in range(1 if place.quick else 5):
            for contestant in contestants:
                contestant.rounds.append(contestant.measure(place))
        alone = {contestant.name: contestant.measure(place, seconds=seconds, connections=1) for contestant in contestants}
        answered = saved.completed()
    finally:
        for server in servers:
            server.stop()
    tell(part, contestants, alone)
    kept(part, saved, answered, unsaved)
    return part


def tell(part, contestants, alone):
    rows = []
    for contestant in contestants:
        column = contestant.column
        rows.append([
            contestant.name,
            spread(column("per_second")),
            spread(column("p50_ms")),
            spread(column("p99_ms")),
            number(median(column("cpu_ms"))),
            number(contestant.idle_mb),
            number(contestant.most_mb),
            f"{sum(column('failed')) + sum(column('wrong'))} of {sum(column('timed')):,}",
            number(alone[contestant.name]["p50_ms"]),
        ])
    columns = ["", "requests/s", "p50, ms", "p99, ms", "CPU of the server, ms a request", "idle, MB", "loaded, MB", "wrong or failed", "one connection: p50, ms"]
    part.table(f"Webhook, two expressions, answer: {CONNECTIONS} connections", columns, rows)
    problems = [told["problem"] for contestant in contestants for told in contestant.rounds if told["problem"]]
    for problem in problems[:3]:
        part.fact(f"A wrong answer: {problem}")
    targets(part, *contestants)
    others = [told["others"] for contestant in contestants for told in contestant.rounds]
    part.fact(f"Others took {max(others):.0%} of the machine at most, {median(others):.0%} in the median round.")


def targets(part, saved, unsaved, function, change, shipped, legacy):
    def ratios(one, other):
        return median([a / max(b, 0.1) for a, b in zip(one.column("per_second"), other.column("per_second"))])

    part.target("webhook, saved and durable, to n8n as shipped", ratios(saved, shipped), "times", at_least=50)
    part.target("webhook, saved and durable, to Node-RED's function node", ratios(saved, function), "times", at_least=1)
    part.target("webhook, `save: none`, to Node-RED's function node", ratios(unsaved, function), "times", at_least=2)
    part.target("webhook, saved and durable: p99 at 50 connections", median(saved.column("p99_ms")), "ms", at_most=50)
    part.fact(f"Saved and durable, Prana answers {number(ratios(saved, legacy))} times what n8n does with its older expressions, "
              f"{number(ratios(saved, change))} times Node-RED's change node; with `save: none` {number(ratios(unsaved, change))} times.")


def kept(part, saved, answered, unsaved):
    """What was answered is in the file after the server was stopped."""
    stored = saved.stored()
    part.fact(f"Of {answered:,} executions that Prana completed {stored:,} are in its file afterwards; with `save: none`, {unsaved.stored():,}.")
    if stored < answered or unsaved.stored():
        raise RuntimeError(f"{answered} executions completed, {stored} are stored, and {unsaved.stored()} that should not be")
