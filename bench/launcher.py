"""Run one command and write down what it cost. A process of its own, and a small one.

Linux hands the memory peak of the process that starts a command on to the command: measured from
the benchmark itself, nothing would ever seem smaller than the benchmark. `wait4` counts the
processor time of the command and of every child that it has waited for.

    python -S launcher.py RESULT.json TIMEOUT_S MEMORY_BYTES LOG COMMAND...
"""

import json
import os
import resource
import signal
import sys
import time

_SAMPLE_S = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main():
    result, timeout_s, memory_bytes, log = sys.argv[1:5]
    if int(memory_bytes):
        resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    started = time.monotonic()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    process = os.posix_spawnp(
        sys.argv[5],
        sys.argv[5:],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=0,
    )
    status, usage, sampled, timed_out = _watch(process, started + float(timeout_s))
    with open(result, "w") as file:
        json.dump(
            {
                "wall_s": time.monotonic() - started,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "largest_process_bytes": usage.ru_maxrss * 1024,
                "all_processes_bytes": max(sampled, usage.ru_maxrss * 1024),
                "exit_code": os.waitstatus_to_exitcode(status),
                "timed_out": timed_out,
            },
            file,
        )


def _watch(process, deadline):
    """Wait for the end; look now and then at the memory of the whole group."""
    sampled, timed_out, pause = 0, False, 0.002
    while True:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            return status, usage, sampled, timed_out
        if time.monotonic() > deadline and not timed_out:
            timed_out = True
            os.killpg(process, signal.SIGKILL)
        time.sleep(pause)
        if pause >= _SAMPLE_S:
            sampled = max(sampled, _resident_bytes(process))
        pause = min(_SAMPLE_S, pause * 1.5)


def _resident_bytes(group):
    """Pages that processes share count once for each: an upper bound."""
    total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += int(fields[21]) * _PAGE
    return total


if __name__ == "__main__":
    main()
