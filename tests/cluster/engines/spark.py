"""A Spark standalone cluster of separate processes: a master and two workers, whose executors start Python workers."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from tests.cluster.engines import fetch
from tests.cluster.engines.process import Daemon, free_port, listening
from tests.cluster.engines.workers import Workers

SPARK = "3.5.3"


def said(log: Path, words: str) -> bool:
    return words in log.read_text(errors="replace")


class SparkCluster:
    """A cluster; a context manager that stops it at its end.

    Args:
        machines: how many Spark workers.
        cores: slots of each.

    Raises:
        Unavailable: Spark, Java or the job server cannot be had.
    """

    def __init__(self, machines: int = 2, cores: int = 2) -> None:
        java = fetch.need("java")
        home = fetch.from_pypi(f"pyspark=={SPARK}", f"pyspark-{SPARK}") / "pyspark"
        main = "org.apache.beam.runners.spark.SparkJobServerDriver"
        self.jar = fetch.job_server("spark-3", main, [f"-Dspark={SPARK}"])
        self.folder = Path(tempfile.mkdtemp(prefix="spark-"))
        self.port = free_port()
        self._cores = machines * cores
        self._daemons: list[Daemon] = []
        environment = {"SPARK_HOME": str(home), "SPARK_LOCAL_DIRS": str(self.folder), "SPARK_SCALA_VERSION": "2.12"}

        def start(kind: str, log: str, *arguments: str) -> Daemon:
            command = [java, "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{home}/jars/*", f"org.apache.spark.deploy.{kind}"]
            self._daemons.append(Daemon(kind, [*command, *arguments], self.folder / f"{log}.log", environment))
            return self._daemons[-1]

        try:
            self.workers = Workers(self.folder)
            start(
                "master.Master", "master", "--host", "localhost", "--port", str(self.port), "--webui-port", str(free_port())
            ).wait_until(lambda: listening(self.port))
            for number in range(machines):
                limits = ["--cores", str(cores), "--memory", "1g", "--work-dir", f"{self.folder}/work-{number}"]
                web = ["--webui-port", str(free_port())]
                worker = start("worker.Worker", f"worker-{number}", "--host", "localhost", *limits, *web, self.url)
                worker.wait_until(partial(said, worker.log, "Successfully registered"))
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The address of the master."""
        return f"spark://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the command that starts a job needs: the driver waits for all cores, and gives no worker all the scenes.

        Spark hands tasks to whichever executor is up first, and keeps them where their data is. A small job is over before
        the second executor of a busy machine has started.
        """
        settings = {
            "spark.cores.max": self._cores,
            "spark.scheduler.minRegisteredResourcesRatio": 1,
            "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
            "spark.locality.wait": "0s",
        }
        return {"JDK_JAVA_OPTIONS": " ".join(f"-D{name}={value}" for name, value in settings.items())}

    @property
    def options(self) -> list[str]:
        """What to add to the command line of a pipeline that shall run here."""
        return [
            "--runner=SparkRunner",
            f"--spark_master_url={self.url}",
            f"--spark_job_server_jar={self.jar}",
            "--environment_cache_millis=10000",
            *self.workers.options,
        ]

    def stop(self) -> None:
        """End all processes, and remove their files."""
        for daemon in reversed(self._daemons):
            daemon.stop()
        self._daemons.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> SparkCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
