"""Numbers as people read them, tables, and what a part of the measurement gives."""

import re
import statistics


class Part:
    """What one part gives: tables, targets with what was measured, and facts beside them."""

    def __init__(self, name):
        self.name = name
        self.tables = []
        self.targets = []
        self.facts = []

    def table(self, title, columns, rows):
        self.tables.append({"title": title, "columns": columns, "rows": rows})

    def target(self, what, measured, unit, at_least=None, at_most=None):
        met = measured >= at_least if at_least is not None else measured <= at_most
        bound = {"at_least": at_least} if at_least is not None else {"at_most": at_most}
        self.targets.append({"what": what, "measured": round(measured, 3), "unit": unit, "target": bound, "met": met})

    def fact(self, text):
        self.facts.append(text)

    def json(self):
        return {"tables": self.tables, "targets": self.targets, "facts": self.facts}


def median(values):
    return statistics.median(values)


def number(value):
    """A number with as many digits as it deserves."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    """The median, and what lies around it."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def markdown(parts):
    """The tables of all parts, as they stand in the documentation."""
    lines = []
    targets = [target for part in parts.values() for target in part["targets"]]
    if targets:
        rows = [[target["what"], bound(target), f"{number(target['measured'])} {target['unit']}", "yes" if target["met"] else "no"] for target in targets]
        lines += as_lines({"title": "Targets", "columns": ["what", "target", "measured", "met"], "rows": rows})
    for part in parts.values():
        for table in part["tables"]:
            lines += as_lines(table)
        lines += [f"- {fact}" for fact in part["facts"]] + [""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def bound(target):
    [(kind, limit)] = target["target"].items()
    return f"{kind.replace('_', ' ')} {number(float(limit))} {target['unit']}"


def as_lines(table):
    head = ["", f"### {table['title']}", "", row(table["columns"]), row(["---"] * len(table["columns"]))]
    return head + [row(cells) for cells in table["rows"]] + [""]


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
