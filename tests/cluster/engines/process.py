"""A program of an engine as a process of its own, that never outlives whoever started it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PORTS = (12000, 32000)  # below those that Linux gives to whoever asks for any
_logs: dict[Path, str] = {}  # of all programs that were started: the file, whose it is


class Daemon:
    """A process in the background, its output in a log file.

    Args:
        name: what to call it in messages.
        command: program and arguments.
        log: file for its output.
        environment: further variables.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name, self.log = name, log
        _logs[log] = name
        log.parent.mkdir(parents=True, exist_ok=True)
        setpriv = shutil.which("setpriv")
        guard = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [*guard, *command],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float = 300) -> None:
        """Wait until `ready` says so.

        Raises:
            RuntimeError: the process has ended, or it takes too long; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} did not become ready (exit status {self.process.poll()}):\n{tail}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it at once, with everything that it started, as a crash or a lost machine would."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def last_words(characters: int = 4000) -> Iterator[tuple[str, str]]:
    """Yield the name of each program whose log is still there, and the end of that."""
    for log, name in _logs.items():
        with contextlib.suppress(FileNotFoundError):
            yield f"{name} ({log.name})", log.read_text(errors="replace")[-characters:]


def processes_of(group: int, program: str) -> list[int]:
    """The processes of a group whose program has a name that begins so."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ProcessLookupError):  # it has ended meanwhile
            name = Path((process / "cmdline").read_bytes().split(b"\0")[0].decode()).name
            if name.startswith(program) and os.getpgid(int(process.name)) == group:
                found.append(int(process.name))
    return found


def free_port() -> int:
    """A port of this machine that nobody listens at, nor will: it is none of those that the system hands out itself."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def listening(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
