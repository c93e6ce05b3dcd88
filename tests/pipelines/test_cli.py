"""The program as a process of its own."""

from __future__ import annotations

import gc
import subprocess
import sys

from dpdeblur.pipelines.cli import main

ASK = """
import atexit, gc, sys
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count()))
sys.argv = ["dpdeblur", "models"]
from dpdeblur.pipelines.cli import main
sys.exit(main())
"""


def test_no_garbage_is_looked_for_among_the_modules() -> None:
    ran = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True)
    enabled, frozen = ran.stdout.splitlines()[-1].split()
    assert enabled == "True"
    assert int(frozen) > 10_000


def test_garbage_in_the_program_of_a_caller_is_left_to_it() -> None:
    assert main(["models"]) == 0
    assert gc.isenabled()
    assert not gc.get_freeze_count()
