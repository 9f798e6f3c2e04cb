"""A real `dagster dev` in a folder of its own: web server, daemon and code server, on a sandbox served from here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from hologram_assets.partitions import today
from hologram_assets.sandbox import Sandbox

ROOT = Path(__file__).parent.parent.parent
ORGS = (144, 145)
_BIN = Path(sys.executable).parent
_START_SECONDS = 60
_STOP_SECONDS = 20
_TAIL_LINES = 40
# `make dev` sets the same: what Dagster says about its own features that are used knowingly.
_WARNINGS = (
    "ignore:Parameter `backfill_policy` of function `asset` is currently in beta,"
    "ignore:Function `dev_command` is superseded"
)
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "TZ")


def wait_for(what: str, reached: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    """Look again and again; an assertion fails when it did not come about in time."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(every)


@dataclass(frozen=True)
class Home:
    """A folder as a new user has it after `make setup`, and the environment of everything that runs in it."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """What `hologram-assets` prints; it must succeed."""
        return self._output(str(_BIN / "hologram-assets"), *arguments)

    def python(self, program: str) -> str:
        """What a program prints that runs in this environment."""
        return self._output(sys.executable, "-c", program)

    def _output(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def started(self, *command: str) -> Iterator[Service]:
        """A command of Dagster's in a session of its own; at the end none of its processes is left."""
        log = self.folder / f"{command[0]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(_BIN / command[0]), *command[1:]],
                cwd=self.folder,
                env=dict(self.environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        service = Service(process, log)
        try:
            yield service
        finally:
            service.end()


@dataclass(frozen=True)
class Service:
    """A running command and everything that it started."""

    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        """The end of what it said."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def left(self) -> dict[int, str]:
        """Processes of its session that are still there, with their command lines."""
        return processes_of_session(self.process.pid)

    def kill(self) -> None:
        """SIGKILL to the command alone; what it started stays for now, as after a crash."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Stop it as Ctrl-C does, then whatever stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(f"processes of {self.log.stem} are left", lambda: not self.left(), _STOP_SECONDS)


def processes_of_session(session: int) -> dict[int, str]:
    """Living processes of a session with their command lines (from /proc; a zombie isn't one)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything; after it: state, parent, group, session.
            state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found[int(entry.name)] = words
    return found


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_home(folder: Path, sandbox: Sandbox, **settings: str) -> Home:
    """The project's Dagster configuration in a folder of its own, and an environment with nothing of the machine's."""
    instance = folder / "dagster"
    instance.mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", instance)
    shutil.copy(ROOT / "workspace.yaml", folder)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "DAGSTER_HOME": str(instance),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": _WARNINGS,
        "HOLOGRAM_API_KEY": "sandbox",
        "HOLOGRAM_BASE_URL": sandbox.base_url,
        "HOLOGRAM_ORG_IDS": ",".join(map(str, ORGS)),
        "HOLOGRAM_START_DATE": str(today() - timedelta(days=120)),
        "HOLOGRAM_WAREHOUSE": str(folder / "hologram.duckdb"),
        # Nothing runs by itself: the tests switch sensors and schedules on.
        "HOLOGRAM_AUTOMATION": "off",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    return Home(folder, environment | settings)


@dataclass(frozen=True)
class DagsterDev:
    """The UI of a running `dagster dev`, and what stands behind it."""

    home: Home
    sandbox: Sandbox
    service: Service
    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The `data` of a GraphQL answer."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30).json()
        assert "errors" not in answer, answer
        return answer["data"]


@contextmanager
def dagster_dev(home: Home, sandbox: Sandbox) -> Iterator[DagsterDev]:
    """`dagster dev` as `make dev` starts it, ready to be looked at."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with home.started("dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)) as service:
        dev = DagsterDev(home, sandbox, service, url)
        try:
            wait_for("the code location is loaded", lambda: _loaded(dev), _START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{service.tail()}") from error
        yield dev


def _loaded(dev: DagsterDev) -> bool:
    assert dev.service.process.poll() is None, "dagster dev ended"
    try:
        answer = dev.ask("{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }")
    except (requests.ConnectionError, requests.Timeout):
        return False
    entries: Sequence[Mapping[str, str]] = answer["workspaceOrError"]["locationEntries"]
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
