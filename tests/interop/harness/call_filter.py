"""Runs a program that is killed for asking for a share of a core, as systemd's
`SystemCallFilter=~@resources` does: call_filter.py PROGRAM ARGUMENT…"""

import ctypes
import os
import platform
import struct
import sys

# setpriority, sched_setscheduler, sched_setaffinity, sched_setattr, by machine.
CALLS = {"x86_64": (141, 144, 203, 314), "aarch64": (140, 119, 122, 274), "riscv64": (140, 119, 122, 274)}
_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # Of linux/bpf_common.h.
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_SET_SECCOMP, _SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def instructions(calls: tuple[int, ...]) -> bytes:
    steps = [(_LOAD_NUMBER, 0, 0, 0)]
    steps += [(_IF_EQUAL, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _KILL_PROCESS)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def install() -> None:
    text = instructions(CALLS[platform.machine()])
    program = _Program(len(text) // 8, text)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "no filter")


if __name__ == "__main__":
    install()
    os.execv(sys.argv[1], sys.argv[1:])
