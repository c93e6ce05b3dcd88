"""Loops that are compiled once for each kind of processor, and from then on loaded without the compiler.

Importing numba takes .4 s, and loading what its own cache holds as long again, in each process. So what numba makes of a
function is kept here as an object file, which LLVM links in a few milliseconds; numba is imported only where there is none yet.

A kernel fills arrays that it is given. It takes arrays, integers, floats and booleans, and returns an integer or nothing. It
makes no array, raises nothing, and calls only kernels of its own file: what would need numba at run time is run by numba, as is
all of it should a later numba pass arguments in another way. Kernels run without Python's lock.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm

from dpdeblur.transforms.images.kernel_arguments import CTYPES, Kind, kind_of, words_of
from dpdeblur.transforms.storage import local_files

Function = TypeVar("Function", bound=Callable[..., Any])

_ENTRY = "kernel"  # name of the function in its object file
_LIBC = {"memcpy", "memmove", "memset"}  # which LLVM may call for a loop, and every process has
_DIGEST_BYTES = hashlib.sha256().digest_size
_compiling = threading.RLock()
_log = logging.getLogger("dpdeblur")


def compiled(function: Function) -> Function:
    """Make a kernel of a function. For each kind of arguments, its machine code is loaded, or made, at the first call."""
    return cast("Function", Kernel(function))


class Kernel:
    """A function as machine code, for each kind of arguments that it has been called with.

    Args:
        function: what it does, in the part of Python that numba compiles.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = cast("FunctionType", function)
        self._loaded: dict[tuple[Kind, ...], Callable[..., int]] = {}

    def __call__(self, *arguments: Any) -> int:
        """Run the kernel; return 0 if it returns nothing."""
        kinds = tuple(map(kind_of, arguments))
        loaded = self._loaded.get(kinds)
        if loaded is None:
            with _compiling:
                loaded = self._loaded.setdefault(kinds, _load(self.function, kinds))
        return loaded(*arguments)

    @property
    def needs_numba(self) -> bool:
        """Return whether numba runs it, for any kind of arguments that it has been called with."""
        return any(not isinstance(loaded, _Loaded) for loaded in self._loaded.values())


class NotAloneError(RuntimeError):
    """The function cannot run without numba."""


# --- machine code --------------------------------------------------------------------------------------------------


class _Loaded:
    """Machine code in memory, called as numba's functions call each other (`numba.core.callconv`).

    A status comes back; the first of two pointers in front of the arguments receives what is returned, the second an error.
    """

    def __init__(self, name: str, code: bytes, kinds: tuple[Kind, ...]) -> None:
        self._name = name
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        words = [CTYPES[word] for kind in kinds for word in kind.in_llvm()]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *words)
        self._call = prototype(self._engine.get_function_address(_ENTRY))

    def __call__(self, *arguments: Any) -> int:
        returned, error = ctypes.c_int64(), ctypes.c_void_p()
        status = self._call(ctypes.byref(returned), ctypes.byref(error), *words_of(arguments))
        if status:
            raise RuntimeError(f"the kernel {self._name} ended with status {status}: it has raised an error")
        return returned.value


def _load(function: FunctionType, kinds: tuple[Kind, ...]) -> Callable[..., int]:
    try:
        return _Loaded(function.__name__, _code(function, kinds), kinds)
    except NotAloneError as error:
        _log.debug("numba runs the kernel %s: %s", function.__name__, error)
        return _run_by_numba(function)


@functools.cache
def _host() -> tuple[str, str, str]:
    """Return triple, name and features of this processor; LLVM is ready for it afterwards."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target_machine() -> Any:
    triple, cpu, features = _host()
    return llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def _code(function: FunctionType, kinds: tuple[Kind, ...]) -> bytes:
    """Return the object file of a function: the one that is kept, or a new one, which then takes its place.

    The name says of which function it is, on which processor; a digest at its start, that it was made of this very source, by
    these compilers, and is undamaged. So what a newer source has superseded does not stay. Of two processes that write at once
    one is the last, each with a whole file.
    """
    source = Path(function.__code__.co_filename)
    place = hashlib.sha256(repr((*_host(), platform.machine(), function.__name__, kinds)).encode()).hexdigest()
    origin = source.read_bytes() + repr((version("numba"), llvm.llvm_version_info)).encode()
    files = [folder / f"{source.stem}.{function.__name__}-{place[:20]}.o" for folder in _folders(source)]
    for file in files:
        with suppress(OSError):
            kept = file.read_bytes()
            code = kept[_DIGEST_BYTES:]
            if hashlib.sha256(origin + code).digest() == kept[:_DIGEST_BYTES]:
                return code
    code = _compile(function, kinds)
    for file in files:
        with suppress(OSError):  # a full disk, or a folder of somebody else's: the next process compiles again
            local_files.write(str(file), hashlib.sha256(origin + code).digest() + code)
            break
    return code


def _folders(source: Path) -> Iterator[Path]:
    """Yield where machine code may be kept: next to the bytecode of the source, else in the cache of the user."""
    yield Path(cache_from_source(str(source))).parent
    of_this_package = hashlib.sha256(os.fsencode(source.parent)).hexdigest()[:20]  # others may be of another version
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpdeblur" / of_this_package


# --- compiling -----------------------------------------------------------------------------------------------------


def _compile(function: FunctionType, kinds: tuple[Kind, ...]) -> bytes:
    """Compile a function for this processor, by numba as far as LLVM's language, and from there by LLVM.

    Raises:
        NotAloneError: it cannot run without numba, or this numba is not understood.
    """
    import numba  # noqa: PLC0415 - slow, and only needed here

    try:
        returns = numba.types.void if function.__annotations__["return"] == "None" else numba.types.int64
        signature = returns(*(kind.for_numba() for kind in kinds))
        without_run_time = {"error_model": "numpy", "_nrt": False}
        callback = numba.cfunc(signature, **without_run_time)(_for_numba(function, **without_run_time))
        module = llvm.parse_assembly(callback.inspect_llvm())
        module.get_function(callback.native_name).linkage = "internal"  # the entry from C, which needs numba's run time
        entry = module.get_function(callback.native_name.removeprefix("cfunc."))
        entry.name = _ENTRY
    except (numba.core.errors.NumbaError, AttributeError, KeyError, NameError, RuntimeError, TypeError) as error:
        raise NotAloneError(str(error)) from error
    machine = _target_machine()
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    _check(function.__name__, module, kinds)
    return cast("bytes", machine.emit_object(module))


def _run_by_numba(function: FunctionType) -> Callable[..., int]:
    """Return a function that numba compiles, once in this process, and runs."""
    import numba  # noqa: PLC0415

    dispatcher = numba.njit(nogil=True, error_model="numpy")(_for_numba(function, error_model="numpy"))
    return lambda *arguments: dispatcher(*arguments) or 0


def _for_numba(function: FunctionType, **options: Any) -> FunctionType:
    """Return a function whose kernels are such as numba can call, compiled with these options."""
    import numba  # noqa: PLC0415

    names = {
        name: numba.njit(**options)(_for_numba(value.function, **options)) if isinstance(value, Kernel) else value
        for name, value in function.__globals__.items()
        if name in function.__code__.co_names
    }
    return FunctionType(function.__code__, names, function.__name__)


def _check(name: str, module: Any, kinds: tuple[Kind, ...]) -> None:
    """Refuse what cannot run without numba, or is called otherwise than `_Loaded` does."""
    foreign = [one.name for one in module.functions if one.is_declaration and not one.name.startswith("llvm.")]
    foreign += [one.name for one in module.global_variables if one.is_declaration]
    if set(foreign) - _LIBC:
        raise NotAloneError(f"it needs {', '.join(foreign)}: it makes arrays, assigns slices or raises")
    expected = ["ptr", "ptr", *(word for kind in kinds for word in kind.in_llvm())]
    found = [str(argument.type) for argument in module.get_function(_ENTRY).arguments]
    if found != expected:
        raise NotAloneError(f"it takes {found}, where {expected} was expected")
