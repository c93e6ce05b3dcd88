"""Python workers as a cluster starts them: by the program that boots Beam's containers, one process each.

The boot program fetches what the job brought along (`--setup_file`), installs it, and starts Python with the options of the
job; here it runs outside a container, in the environment of the tests.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

from tests.cluster.engines import fetch


class Workers:
    """How an engine is to start workers, and which of them run.

    Args:
        folder: for the files of the workers; workers are told apart by it.
        bare: an environment of its own for each worker, with all packages of the tests' but dpdeblur.

    Attributes:
        command: starts a worker.
    """

    def __init__(self, folder: Path, *, bare: bool = False) -> None:
        self.folder = folder
        boot, here = fetch.boot(), f"{folder}/worker-$$"
        python = f"{here}/env/bin" if bare else str(Path(sys.executable).parent)
        make = f"{sys.executable} -m venv --without-pip env && echo {folder}/others > env/{_packages()}/others.pth\n"
        folder.mkdir(parents=True, exist_ok=True)
        if bare:
            _link_others(folder / "others")
        self.command = folder / "start-worker"
        self.command.write_text(
            "#!/bin/sh\n"
            f"export PATH={python}:$PATH RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1\n"
            f"mkdir {here} && cd {here}\n"  # the boot program writes the options of the job to where it is
            f"{make if bare else ''}"
            f'exec {boot} "$@" --semi_persist_dir={here} > log.txt 2>&1\n'
        )
        self.command.chmod(0o755)

    @property
    def options(self) -> list[str]:
        """What to add to the command line of a pipeline that shall use them."""
        return ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': str(self.command)})}"]

    def installed(self) -> list[Path]:
        """Where the workers of bare environments have installed the program that came with the job."""
        return sorted(self.folder.glob(f"worker-*/env/{_packages()}/dpdeblur/pipelines/cli.py"))

    def running(self) -> list[int]:
        """Process ids of the Python workers that run now, oldest first."""
        mark = f"SEMI_PERSISTENT_DIRECTORY={self.folder}/worker-".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if b"sdk_worker_main" in (process / "cmdline").read_bytes() and mark in (process / "environ").read_bytes():
                    found.append((process.stat().st_ctime_ns, int(process.name)))
            except OSError:  # it has ended meanwhile
                continue
        return [pid for _, pid in sorted(found)]


def _packages() -> str:
    """Where an environment keeps its packages, below its root."""
    return f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def _link_others(links: Path) -> None:
    """A folder with links to all packages of this environment but our own: what is not in it cannot be imported there."""
    links.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "dpdeblur" not in package.name and package.suffix != ".pth":
            (links / package.name).symlink_to(package)
