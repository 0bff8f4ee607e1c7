"""Programs that are measured: started in sessions of their own, watched through /proc, and ended by their ids."""

import os
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Program:
    """A program that runs, with all that it starts in turn."""

    def __init__(self, command, folder, env=None, talks=False):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log.txt"
        pipe = subprocess.PIPE if talks else None
        with open(self.log, "ab") as log:
            self.begun = time.perf_counter()
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=env,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def ask(self, line):
        """Sends a line to a program that talks, and gives the line that it answers."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"no answer to `{line}`:\n{self.tail()}")
        return answer

    def members(self):
        """The ids of its processes: those of its session."""
        for entry in os.listdir("/proc"):
            fields = stat(entry) if entry.isdigit() else None
            if fields and int(fields[3]) == self.process.pid and fields[0] != "Z":
                yield int(entry)

    def resident_mb(self):
        """Megabytes of memory that its processes hold."""
        pages = [stat(pid)[21] for pid in self.members() if stat(pid)]
        return sum(map(int, pages)) * PAGE / 1e6

    def cpu_seconds(self):
        """Processor time of its processes, and of those of their children that have ended."""
        times = [stat(pid) for pid in self.members()]
        return sum(sum(map(int, fields[11:15])) for fields in times if fields) / TICKS

    def is_running(self):
        return self.process.poll() is None

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def wait_until_ready(self, url, seconds=60, pause=0.001):
        """Waits until a URL answers 200, and asks every `pause` seconds. Gives the seconds since the start."""
        while True:
            if answers(url):
                return time.perf_counter() - self.begun
            if not self.is_running():
                raise RuntimeError(f"{self.process.args[0]} ended before it was ready:\n{self.tail()}")
            if time.perf_counter() - self.begun > seconds:
                raise RuntimeError(f"{url} does not answer:\n{self.tail()}")
            time.sleep(pause)

    def kill(self):
        """Ends all its processes at once, as a crash does."""
        while members := list(self.members()):
            for pid in members:
                send(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.005)
        self.process.wait()

    def stop(self):
        """Asks it to end, and ends it after ten seconds."""
        if self.is_running():
            send(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


def stat(pid):
    """The fields of /proc/PID/stat from the state on; none if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port():
    """A port of 127.0.0.1 that is free, as far as anybody can tell."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Watch:
    """How much of the machine others take, from here to `others`: programs that are not measured, and machines beside this one."""

    def __init__(self, *programs):
        self.programs = programs
        self.busy, self.total, self.ours = self.now()

    def now(self):
        times = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        idle = times[3] + times[4]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        ours = sum(usage.ru_utime + usage.ru_stime for usage in (ended, own))
        ours += sum(program.cpu_seconds() for program in self.programs)
        return (sum(times) - idle) / TICKS, sum(times) / TICKS, ours

    def others(self):
        """A share of the machine, from 0 to 1."""
        busy, total, ours = self.now()
        passed = max(total - self.total, 1e-9)
        return max(0.0, (busy - self.busy) - (ours - self.ours)) / passed
