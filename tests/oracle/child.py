"""Run pickles through CPython's unpicklers and report the imports that each one reaches.

Reads frames of (4-byte little-endian length, bytes) from standard input; answers each with one
line of JSON: {loader: [[module, name], ...]}. Imports nothing but the standard library, so that
any CPython can run it: `python3.13 child.py`.
"""

import _pickle
import io
import json
import os
import pickle
import resource
import signal
import struct
import sys
import tempfile

MEMORY_BYTES = 1 << 30
CASE_S = 2


class Inert:
    """Accepts whatever an opcode may do to it, and does nothing."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return Inert()

    def append(self, item):
        pass

    def add(self, item):
        pass

    def extend(self, items):
        pass

    def __setitem__(self, key, value):
        pass

    def __setstate__(self, state):
        pass


def make(base):
    class Recording(base):
        def find_class(self, module, name):
            self.reached.append([module, name])
            return Inert

        def persistent_load(self, pid):
            return Inert()

    return Recording


C, PURE = make(_pickle.Unpickler), make(pickle._Unpickler)


def loaders(data):
    """Name -> (unpickler class, a fresh file): bytes-backed, file-backed, buffered, pure."""
    buffered = tempfile.TemporaryFile()  # noqa: SIM115  (read by the caller, closed with the case)
    buffered.write(data)
    buffered.seek(0)
    return {
        "c-bytesio": (C, io.BytesIO(data)),
        "c-buffered": (C, buffered),
        "pure": (PURE, io.BytesIO(data)),
    }


def reach(cls, file, size):
    """Load again and again, as a loop over `pickle.load` does, until it fails or nothing is left."""
    reached = []
    for _ in range(20):
        unpickler = cls(file)
        unpickler.reached = reached
        try:
            unpickler.load()
        except TimeoutError:
            break
        except BaseException:
            break
        if file.tell() >= size:
            break
    return reached


def reach_whole(data):
    """What `pickle.loads` reaches: with the whole input read ahead, no frame is ever fetched apart."""
    return reach(C, io.BufferedReader(io.BytesIO(data), buffer_size=len(data) + 16), len(data))


def expire(signum, frame):
    raise TimeoutError


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(5000)
    signal.signal(signal.SIGALRM, expire)
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "w", 1)
    while True:
        header = stdin.read(4)
        if len(header) < 4:
            return
        data = stdin.read(struct.unpack("<I", header)[0])
        answer = {}
        signal.alarm(CASE_S)
        try:
            for name, (cls, file) in loaders(data).items():
                answer[name] = reach(cls, file, len(data))
            answer["c-whole"] = reach_whole(data)
        except (TimeoutError, MemoryError):
            pass
        finally:
            signal.alarm(0)
        stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
