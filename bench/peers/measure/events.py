"""Live events to many listeners: whether each gets all, and how late."""

from . import prana
from .process import Watch
from .table import Part, number

# What an execution of the workflow tells: its start, the start and the completion of each of its three nodes, its completion.
EVENTS = 8


def measure(place):
    part = Part("events")
    server = prana.Prana(place)
    try:
        server.serve(prana.greet())
        idle = server.program.resident_mb()
        watch = Watch(server.program)
        starts = 5 if place.quick else 30
        told = place.listen(server.port, listeners=1000, path=f"{server.path('greet')}?name=a", starts=starts, per_second=5, events=EVENTS)
        others = watch.others()
        loaded = server.program.resident_mb()
    finally:
        server.stop()
    delay, gap = told["delay"], told["spread"]
    rows = [
        ["listeners", number(told["listeners"])],
        ["events", number(told["events"])],
        ["events that all listeners got", number(told["to_all"])],
        ["deliveries", number(told["heard"])],
        ["from the event's time to a listener, commit included: p50, p99, longest", times(delay)],
        ["from the first listener to each other: p50, p99, longest", times(gap)],
        ["memory (RSS) before, after", f"{number(idle)}, {number(loaded)} MB"],
    ]
    part.table("Live events to 1,000 listeners", ["what", "measured"], rows)
    part.target("events that reach all of 1,000 listeners", told["to_all"] / told["expected"], "of all", at_least=1)
    part.fact(f"Five executions a second. Others took {others:.0%} of the machine; the listeners share it with the server.")
    if told["failed"] or told["refused"]:
        part.fact(f"{told['failed']} listeners and {told['refused']} starts failed.")
    return part


def times(told):
    return ", ".join(number(told[name]) for name in ("p50_ms", "p99_ms", "max_ms")) + " ms"
