"""Python workers as a cluster starts them: by the program that boots Beam's containers, one process each.

The boot program fetches what the job brought along (`--setup_file`), installs it, and starts Python with the options of the
job; here it runs outside a container, in the environment of the tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.cluster.engines import fetch


class Workers:
    """How an engine is to start workers, and which of them run.

    Args:
        folder: for the files of the workers; workers are told apart by it.
        python: the interpreter of the workers; by default the one of the tests.
    """

    def __init__(self, folder: Path, python: Path = Path(sys.executable)) -> None:
        self.folder = folder
        boot = fetch.boot()
        self._start = folder / "start-worker"
        self._start.write_text(
            "#!/bin/sh\n"
            f"export PATH={python.parent}:$PATH RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1\n"
            f"mkdir {folder}/worker-$$ && cd {folder}/worker-$$\n"  # it writes the options of the job to where it is
            f'exec {boot} "$@" --semi_persist_dir={folder}/worker-$$ > log.txt 2>&1\n'
        )
        self._start.chmod(0o755)

    @property
    def options(self) -> list[str]:
        """What to add to the command line of a pipeline that shall use them."""
        return ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': str(self._start)})}"]

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
