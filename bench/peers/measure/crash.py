"""A workflow calls a service 50 times, and is killed in the middle: what goes on by itself, what is called twice, what is never called."""

import collections
import http.server
import threading
import time
import urllib.parse
import urllib.request

from . import n8n, node_red, prana
from .place import HERE
from .process import Program
from .table import Part, number

CALLS = 50
KILL_AFTER = 20

# How many seconds it may take until another call comes, once it is ready again.
PATIENCE = 12


class Ledger:
    """The service that is called: it takes ten milliseconds, and writes down who called."""

    def __init__(self):
        ledger = self
        self.calls = []
        self.changed = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                with ledger.changed:
                    ledger.calls.append((query["run"][0], int(query["step"][0]), time.perf_counter(), self.headers.get("Idempotency-Key")))
                    ledger.changed.notify_all()
                time.sleep(0.01)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                try:
                    self.wfile.write(b"ok")
                except OSError:
                    # The caller was killed.
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, run):
        return [call for call in self.calls if call[0] == run]

    def wait(self, run, enough, seconds):
        """Waits until the calls of a run are enough; false if none comes any more for so long."""
        with self.changed:
            while not enough(self.of(run)):
                before = len(self.calls)
                if not self.changed.wait_for(lambda: len(self.calls) > before, seconds):
                    return False
        return True

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Prana(prana.Prana):
    def __init__(self, place, ledger):
        super().__init__(place)
        self.serve(prana.calls(CALLS, ledger.port))

    def begin(self, run, ledger):
        get(f"http://127.0.0.1:{self.port}{self.path('calls')}?run={run}")

    def says(self):
        return "completed" if self.stored() else "not ended"


class NodeRed(node_red.NodeRed):
    def __init__(self, place, ledger):
        super().__init__(place, node_red.calls(CALLS, ledger.port))

    def begin(self, run, ledger):
        get(f"http://127.0.0.1:{self.port}/calls?run={run}")

    def says(self):
        return "nothing: it keeps no record"


class N8n(n8n.N8n):
    def __init__(self, place, ledger):
        super().__init__(place)

    def begin(self, run, ledger):
        get(f"http://127.0.0.1:{self.port}{self.path('calls')}?run={run}&ledger={ledger.port}")

    def says(self):
        return ", ".join(self.executions())


class Dbos:
    name = "DBOS, SQLite"

    def __init__(self, place, ledger):
        self.place, self.ledger = place, ledger
        self.folder = place.new("dbos")
        self.start()

    def start(self):
        command = [self.place.python, HERE / "dbos" / "steps.py", f"sqlite:///{self.folder}/steps.db"]
        self.program = Program(command, self.folder, self.place.environment(self.folder), talks=True)

    def begin(self, run, ledger):
        self.program.ask(f"calls {CALLS} {ledger.port} {run}")

    def says(self):
        return ""

    def stop(self):
        self.program.stop()


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        answer.read()


def measure(place):
    part = Part("crash")
    ledger = Ledger()
    rows = []
    try:
        for make in (Prana, NodeRed, N8n, Dbos):
            rows.append(killed(make(place, ledger), ledger))
    finally:
        ledger.stop()
    columns = ["", "called before the kill", "goes on by itself", "first call after the restart, s", "called twice", "never called", "says afterwards"]
    part.table(f"kill -9 after {KILL_AFTER} of {CALLS} calls, one after the other, and a restart", columns, rows)
    part.fact("Called twice: with the same idempotency key the service can tell; Prana sends one by itself. The restart is counted from the start of the program.")
    return part


def killed(server, ledger):
    run = f"run{len(ledger.calls)}"
    try:
        server.begin(run, ledger)
        if not ledger.wait(run, lambda calls: len(calls) >= KILL_AFTER, 60):
            raise RuntimeError(f"{server.name} makes no calls:\n{server.program.tail()}")
        server.program.kill()
        before = len(ledger.of(run))
        restarted = time.perf_counter()
        server.start()
        whole = ledger.wait(run, lambda calls: {step for _, step, _, _ in calls} >= set(range(CALLS)), PATIENCE)
        # What is still to come of the last one.
        time.sleep(1)
        return row(server, ledger.of(run), before, restarted, whole)
    finally:
        server.stop()


def row(server, calls, before, restarted, whole):
    after = [at for _, _, at, _ in calls[before:]]
    count = collections.Counter(step for _, step, _, _ in calls)
    twice = [step for step, times in count.items() if times > 1]
    keys = {(step, key) for _, step, _, key in calls if step in twice}
    same = " (same key)" if twice and all(key for _, key in keys) and len(keys) == len(twice) else ""
    return [
        server.name,
        before,
        "yes" if whole else "no",
        number(after[0] - restarted) if after else "-",
        f"{len(twice)}{same}",
        CALLS - len(count),
        server.says(),
    ]
