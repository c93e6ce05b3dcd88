"""What is loaded before the first scene is timed."""

from __future__ import annotations

import gc

from dpdeblur.transforms.images.machine_code import Kernel
from dpdeblur.transforms.warm_up import warm_up


def test_no_kernel_needs_the_compiler_to_run() -> None:
    warm_up()
    # `type`, for `isinstance` asks proxies of objects that are gone
    kernels = [one for one in gc.get_objects() if type(one) is Kernel and one.__module__.startswith("dpdeblur.")]
    assert len(kernels) > 5
    assert not [one.function.__name__ for one in kernels if one.needs_numba]
