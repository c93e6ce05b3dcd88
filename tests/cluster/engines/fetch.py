"""Getting an engine's programs, once: from PyPI, Maven Central and the Go module proxy, by their ordinary clients."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

HOME = Path(os.environ.get("DPDEBLUR_ENGINES", "~/.cache/dpdeblur-engines")).expanduser()
BEAM = version("apache-beam")
# Of the mirrors tried, the newest release whose Flink and Spark runners are whole. Beam 2.77 knows Flink up to 2.2; its runner
# libraries for 1.20 and 2.x were on none of them, and the one of 2.70 for 1.19 lacked beam-runners-java-job-service.
BEAM_ASSEMBLED = "2.62.0"
BEAM_GO = "github.com/apache/beam/sdks/v2"
GCS_SERVER = "1.56.1"
PATIENCE_S = 1200  # for everything that one process fetches
JOB_SERVER_POM = Path(__file__).with_name("job-server") / "pom.xml"

_spent_s: list[float] = []


class Unavailable(Exception):
    """The engine cannot be had on this machine; the message says why."""


def need(program: str) -> str:
    """The path of a program.

    Raises:
        Unavailable: it is not installed.
    """
    found = shutil.which(program)
    if not found:
        raise Unavailable(f"{program} is not installed")
    return found


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The file or folder `name` of the cache, made by `make(path)` unless it is there. What fails halfway is not kept."""
    HOME.mkdir(parents=True, exist_ok=True)
    final = HOME / name
    with (HOME / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            partial = HOME / f".{name}.part"
            shutil.rmtree(partial, ignore_errors=True)
            partial.unlink(missing_ok=True)
            make(partial)
            partial.replace(final)
    return final


def from_pypi(requirement: str, name: str) -> Path:
    """A folder with one package of PyPI in it, without what that package requires."""
    return once(
        name,
        lambda target: run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), requirement],
        ),
    )


def prism() -> Path:
    """The Prism runner of the installed Beam's release."""
    return _from_go(f"{BEAM_GO}/go/cmd/prism@v{BEAM}", f"prism-{BEAM}")


def boot() -> Path:
    """The program that starts Python workers in Beam's containers, of the installed Beam's release."""
    return _from_go(f"{BEAM_GO}/python/container@v{BEAM}", f"boot-{BEAM}")


def gcs() -> Path:
    """fake-gcs-server, which speaks the protocol of Google Cloud Storage."""
    return _from_go(f"github.com/fsouza/fake-gcs-server@v{GCS_SERVER}", f"fake-gcs-server-{GCS_SERVER}")


def _from_go(package: str, name: str) -> Path:
    def build(target: Path) -> None:
        bin_folder = HOME / ".go-bin"
        run([need("go"), "install", package], {"GOBIN": str(bin_folder), "GOFLAGS": "-p=1"})
        (bin_folder / package.rsplit("/", 1)[-1].split("@", maxsplit=1)[0]).replace(target)

    return once(name, build)


def job_server(kind: str, main: str, extra: Sequence[str] = ()) -> Path:
    """The jar of a Beam job server.

    The released one (`beam-runners-KIND-job-server`) of the installed Beam where Maven has it; else one assembled from the
    runner library of the newest release that is there whole: the protocol between them is the same.

    Args:
        kind: `flink-1.19` or `spark-3`.
        main: class to run.
        extra: Maven profiles for the assembly.
    """
    need("java")
    maven = need("mvn")

    def get(target: Path) -> None:
        artifact = f"org.apache.beam:beam-runners-{kind}-job-server:{BEAM}"
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
        try:
            run([maven, "-q", "-B", f"{plugin}:get", "-Dtransitive=false", f"-Dartifact={artifact}"])
            run([maven, "-q", "-B", f"{plugin}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={target}.d"])
        except Unavailable:
            options = [f"-Drunner=beam-runners-{kind}", f"-Dbeam={BEAM_ASSEMBLED}", f"-Dmain={main}", f"-Dout={target}.d"]
            run([maven, "-q", "-B", "-f", str(JOB_SERVER_POM), "package", *options, *extra])
        (jar,) = (path for path in Path(f"{target}.d").glob("*.jar") if not path.name.startswith("original-"))
        jar.replace(target)
        shutil.rmtree(f"{target}.d")

    return once(f"{kind}-job-server-{BEAM}.jar", get)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, within what is left of `PATIENCE_S`.

    Raises:
        Unavailable: it failed, with the last lines of what it said; or it takes too long.
    """
    words, started = " ".join(command), time.monotonic()
    try:
        done = subprocess.run(
            ["nice", *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=max(PATIENCE_S - sum(_spent_s), 1),
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{words}: not done in time; {PATIENCE_S} s are given to all that is fetched") from None
    finally:
        _spent_s.append(time.monotonic() - started)
    if done.returncode:
        raise Unavailable(f"{words}: {done.stdout[-600:]}")
