"""Durable steps with DBOS: `steps.py URL`.

Reads lines `STEPS AT_ONCE SECONDS` and answers each with a line of JSON. A line `calls COUNT PORT RUN` makes calls of a service at that port, one a step, in
the background; what another process left open is gone on with.
"""

import json
import sys
import threading
import time
import urllib.request

from dbos import DBOS, SetWorkflowID


@DBOS.step()
def nothing(number):
    return number


@DBOS.workflow()
def steps(count):
    for number in range(count):
        nothing(number)
    return count


@DBOS.step()
def call(port, run, step):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?run={run}&step={step}") as answer:
        return answer.read().decode()


@DBOS.workflow()
def calls(count, port, run):
    for step in range(count):
        call(port, run, step)


def measure(count, at_once, seconds):
    times, begin = [], time.perf_counter()

    def caller():
        while time.perf_counter() - begin < seconds:
            started = time.perf_counter()
            assert steps(count) == count
            times.append(time.perf_counter() - started)

    callers = [threading.Thread(target=caller) for _ in range(at_once)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    passed = time.perf_counter() - begin
    times.sort()
    p50, p99 = (times[round((len(times) - 1) * share)] * 1e3 for share in (0.5, 0.99))
    return {"workflows": len(times), "seconds": passed, "p50_ms": p50, "p99_ms": p99}


def main():
    DBOS(config={
        "name": "steps",
        "system_database_url": sys.argv[1],
        "application_version": "measured",
        "log_level": "ERROR",
        "run_admin_server": False,
    })
    DBOS.launch()
    for line in sys.stdin:
        words = line.split()
        if words[0] == "calls":
            with SetWorkflowID(words[3]):
                DBOS.start_workflow(calls, int(words[1]), int(words[2]), words[3])
            answer = {}
        else:
            answer = measure(int(words[0]), int(words[1]), float(words[2]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
