"""The one place that tells numpy from torch.

The optics use only functions that both libraries name and call alike (`where`, `clip`, `sqrt`,
`fft.rfft2` …), so a module object is all that is passed around; torch is never imported from here.
"""

import sys
from typing import Any

import numpy as np

Array = Any
"""A numpy array or a torch tensor; both views of one call must be of the same library."""


def namespace(array: Array) -> Any:
    """Return the module, numpy or torch, that `array` belongs to."""
    root = type(array).__module__.split(".")[0]
    return sys.modules["torch"] if root == "torch" else np


def like(values: Any, array: Array) -> Array:
    """Return `values` as a float32 array of the library, and on the device, of `array`."""
    xp = namespace(array)
    if xp is np:
        return np.asarray(values, dtype=np.float32)
    return xp.as_tensor(np.asarray(values, dtype=np.float32) if not xp.is_tensor(values) else values).to(
        device=array.device, dtype=xp.float32
    )
