"""A process that works on scenes, as its parent handles it: start, talk, replace it when it dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from apache_beam.internal.cloudpickle import cloudpickle

from dpdeblur.transforms.processes.inside import Assignment, main
from dpdeblur.transforms.records import Outcome, Scene


class Died(Exception):
    """A process ended while it worked on scenes; the text is the name of the signal, or its exit code."""


class ChildProcess:
    """Starts a process with the first scene, and again with the first one after it has died.

    Args:
        given: what it is to do.
    """

    def __init__(self, given: Assignment) -> None:
        self._given = cloudpickle.dumps(given)
        self._lock = threading.Lock()
        self._life: _Life | None = None

    def work_on(self, scene: Scene) -> Outcome | None:
        """Return the outcome of a scene; None if the process was told to begin no further one.

        Raises:
            Died: the process did, before it could answer.
            JobError: it can work on no scene.
        """
        with self._lock:
            if self._life and self._life.over:
                self._life.close()
                self._life = None
            self._life = self._life or _Life(self._given)
            answer = self._life.ask(scene)
        return answer.result()

    def tell(self, message: Any) -> None:
        """Send a message to the process, if there is one."""
        with self._lock:
            if self._life:
                self._life.send(message)

    def close(self) -> None:
        """End the process, which has answered everything."""
        with self._lock:
            if self._life:
                self._life.close()


class _Life:
    """One process, from its start to its end.

    It is in a session of its own: Ctrl-C in a terminal reaches the command alone, which has its processes end in good order.
    """

    def __init__(self, given: bytes) -> None:
        self._socket, there = socket.socketpair()
        with there:
            code = f"import sys; sys.path[:] = {sys.path!r}; from {main.__module__} import main; main({there.fileno()})"
            command = [sys.executable, *(f"-W{kind}" for kind in sys.warnoptions), "-c", code]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[there.fileno()], start_new_session=True
            )
        self._pipe, self._sending, self._asking = Connection(os.dup(self._socket.fileno())), threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[Outcome | None]] = {}
        self._asked = 0
        self.over = False
        with suppress(OSError):
            self._pipe.send_bytes(given)
        self._receiver = threading.Thread(target=self._receive, name="scene process", daemon=True)
        self._receiver.start()

    def ask(self, scene: Scene) -> Future[Outcome | None]:
        """Send a scene; its future gets the answer, or `Died`."""
        answer: Future[Outcome | None] = Future()
        with self._asking:
            self._asked += 1
            number = self._asked
            if self.over:
                answer.set_exception(self._death())
            else:
                self._waiting[number] = answer
        self.send((number, scene))
        return answer

    def send(self, message: Any) -> None:
        """Send a message; where the process has died, whoever waits for an answer hears of that."""
        with self._sending, suppress(OSError):
            self._pipe.send(message)

    def close(self) -> None:
        """End the process, and wait for its end."""
        with suppress(OSError):  # it has died already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._receiver.join()
        self._pipe.close()
        self._socket.close()

    def _receive(self) -> None:
        wrong: Exception | None = None
        with suppress(EOFError, OSError):
            while True:
                number, answer = self._pipe.recv()
                if number is None:
                    wrong = answer
                elif isinstance(answer, Exception):
                    self._waiting.pop(number).set_exception(answer)
                else:
                    self._waiting.pop(number).set_result(answer)
        self._process.wait()
        with self._asking:
            self.over = True
        for left in self._waiting.values():
            left.set_exception(wrong or self._death())

    def _death(self) -> Died:
        code = self._process.returncode
        return Died(signal.Signals(-code).name if code < 0 else f"exit code {code}")
