"""A Flink cluster of separate processes: one job manager, two task managers with several slots, Python workers beside them."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from apache_beam.coders import VarIntCoder

from dpdeblur.transforms.counters import NAMESPACE
from tests.cluster.engines import fetch
from tests.cluster.engines.process import Daemon, free_port
from tests.cluster.engines.workers import Workers

FLINK, SERIES = "1.19.3", "1.19"
CACHE = "--environment_cache_millis=5000"  # or workers would start anew for every stage; less than the delay below
_OPEN = "java.io java.lang java.lang.reflect java.net java.nio java.time java.util java.util.concurrent sun.net.util sun.nio.ch"
_JAVA = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN.split()),
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
)
CONFIG = """
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
jobmanager.memory.process.size: 768m
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: 2.0
taskmanager.memory.task.heap.size: 896m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.managed.size: 64m
taskmanager.memory.network.min: 256m
taskmanager.memory.network.max: 256m
taskmanager.memory.jvm-metaspace.size: 192m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
heartbeat.timeout: 15000
heartbeat.interval: 3000
classloader.resolve-order: parent-first
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 8s
io.tmp.dirs: {tmp}
blob.storage.directory: {tmp}
"""
_LOG4J = """
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""


class FlinkCluster:
    """A cluster; a context manager that stops it at its end.

    Args:
        task_managers: how many processes.
        slots: in each of them.
        rest: port of the job manager's web page; by default a free one.

    Raises:
        Unavailable: Flink, Java or the job server cannot be had.
    """

    def __init__(self, task_managers: int = 2, slots: int = 2, rest: int | None = None) -> None:
        java = fetch.need("java")
        libraries = fetch.from_pypi(f"apache-flink-libraries=={FLINK}", f"flink-{FLINK}") / "pyflink" / "lib"
        self.jar = fetch.job_server(f"flink-{SERIES}", "org.apache.beam.runners.flink.FlinkJobServerDriver")
        self.folder = Path(tempfile.mkdtemp(prefix="flink-"))
        self.rest, self.slots = rest or free_port(), task_managers * slots
        (self.folder / "tmp").mkdir()
        config = CONFIG.format(rpc=free_port(), rest=self.rest, slots=slots, tmp=self.folder / "tmp")
        (self.folder / "config.yaml").write_text(config)
        (self.folder / "log4j.properties").write_text(_LOG4J)
        properties = [f"-Dlog4j.configurationFile={self.folder}/log4j.properties", f"-Djava.io.tmpdir={self.folder}/tmp"]
        self._command = [java, *_JAVA, *properties, "-cp", f"{libraries}/*:{self.jar}"]
        self._daemons: list[Daemon] = []
        self.task_managers: list[Daemon] = []
        try:
            self.workers = Workers(self.folder)
            manager = self._start("StandaloneSessionClusterEntrypoint", "entrypoint", "-Xmx384m", "--executionMode", "cluster")
            manager.wait_until(lambda: self._get("/overview") is not None)
            for _ in range(task_managers):
                self.start_task_manager()
            manager.wait_until(lambda: (self._get("/overview") or {}).get("slots-total") == self.slots)
        except BaseException:
            self.stop()
            raise

    def start_task_manager(self) -> None:
        """One more task manager."""
        self.task_managers.append(self._start("TaskManagerRunner", "taskexecutor", "-Xmx1g", "-XX:MaxDirectMemorySize=512m"))

    def _start(self, main: str, package: str, *arguments: str) -> Daemon:
        java = [word for word in arguments if word.startswith("-X")]
        rest = [word for word in arguments if not word.startswith("-X")]
        command = [*self._command[:1], *java, *self._command[1:]]
        command += [f"org.apache.flink.runtime.{package}.{main}", "--configDir", str(self.folder), *rest]
        daemon = Daemon(main, command, self.folder / f"{main}-{len(self._daemons)}.log", {"FLINK_CONF_DIR": str(self.folder)})
        self._daemons.append(daemon)
        return daemon

    @property
    def options(self) -> list[str]:
        """What to add to the command line of a pipeline that shall run here."""
        return [*self.options_but_workers, *self.workers.options]

    @property
    def options_but_workers(self) -> list[str]:
        """The same, without those that say how Python workers are started."""
        return [
            "--runner=FlinkRunner",
            f"--flink_master=localhost:{self.rest}",
            f"--flink_version={SERIES}",
            f"--flink_job_server_jar={self.jar}",
            f"--parallelism={self.slots}",
            CACHE,
        ]

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that the cluster knows: `jid`, `state` and so on."""
        return list(self._ask("/jobs/overview")["jobs"])

    def counters(self, job: str) -> dict[str, int]:
        """The counters of dpdeblur that the web page shows of a job, by name."""
        (found,) = self._ask(f"/jobs/{job}/accumulators")["user-task-accumulators"]
        metrics = json.loads(found["value"])["metrics"]["attempted"]
        return {
            metric["labels"]["NAME"]: VarIntCoder().decode(base64.b64decode(metric["payload"]))
            for metric in metrics
            if metric["urn"] == "beam:metric:user:sum_int64:v1" and metric["labels"]["NAMESPACE"] == NAMESPACE
        }

    def cancel(self, job: str) -> None:
        """Cancel a job, as a click on the web page would."""
        request = urllib.request.Request(f"http://localhost:{self.rest}/jobs/{job}?mode=cancel", method="PATCH")
        urllib.request.urlopen(request, timeout=300).close()

    def cancel_all(self, seconds: float = 300) -> None:
        """Cancel all jobs, and wait until each has ended.

        Raises:
            RuntimeError: they do not end.
        """
        deadline = time.monotonic() + seconds
        while going := [job["jid"] for job in self.jobs() if job["state"] not in ("CANCELED", "FAILED", "FINISHED")]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not cancelled within {seconds:g} s: {going}")
            for job in going:
                with contextlib.suppress(OSError):  # it has just ended
                    self.cancel(job)
            time.sleep(0.5)

    def _ask(self, path: str, seconds: float = 300) -> Any:
        """What a cluster that is up answers, though it may be busy.

        Raises:
            RuntimeError: nothing.
        """
        deadline = time.monotonic() + seconds
        while (answer := self._get(path)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} was not answered within {seconds:g} s")
            time.sleep(0.2)
        return answer

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://localhost:{self.rest}{path}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def stop(self) -> None:
        """End all processes, and remove their files."""
        for daemon in reversed(self._daemons):
            daemon.stop()
        self._daemons.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> FlinkCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
