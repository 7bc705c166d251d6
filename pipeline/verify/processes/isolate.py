"""Kernel isolation of a process from network, other processes and files, as far as the kernel allows it (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_SYS_LANDLOCK_CREATE_RULESET, _SYS_LANDLOCK_ADD_RULE, _SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446
_PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 8, 38, 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITIES_VERSION = 0x20080522
_CAP_DAC_READ_SEARCH = 2
_FIRST_UNUSED_USER, _UNUSED_USERS = 2**30, 2**29
"""User ids that no account has."""
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_VERSION_FLAG = 1
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_CHANGE_FOLDER = sum(1 << bit for bit in range(4, 13))
"""Landlock's rights to remove and to make files and folders of all kinds."""
_TCP = 0b11
"""Landlock's rights to bind and to connect; since its version 4."""
_O_PATH = 0o10000000


class _RulesetAttributes(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64), ("handled_access_net", ctypes.c_uint64)]


class _CapabilitiesHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Capabilities(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


class _PathBeneathAttributes(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def leave_network() -> bool:
    """Move this process into a network without interfaces, and its children into a process table of their own.

    Returns whether the kernel allowed it; where it does not, nothing is changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    spaces = _CLONE_NEWNET | _CLONE_NEWPID | _CLONE_NEWIPC
    if user == 0 and libc.unshare(spaces) == 0:
        return True
    if libc.unshare(_CLONE_NEWUSER | spaces) == 0:
        _map_ids(user, group)
        return True
    return False


def leave_root(folder: Path) -> None:
    """Where this is root, go on as a user that nobody is: the kernel does not count root's processes.

    Of root's powers it keeps the one to read every file, since the interpreter may lie where root alone can read.
    """
    if os.getuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    user = _FIRST_UNUSED_USER + random.SystemRandom().randrange(_UNUSED_USERS)
    with contextlib.suppress(OSError):
        os.chown(folder, user, user)
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        kept = 1 << _CAP_DAC_READ_SEARCH
        header, sets = (
            _CapabilitiesHeader(_CAPABILITIES_VERSION, 0),
            (_Capabilities * 2)(_Capabilities(kept, kept, kept)),
        )
        libc.capset(ctypes.byref(header), sets)
        # The programs that it starts may need the same files.
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)


def _map_ids(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def forbid_writing_outside(folder: Path) -> bool:
    """Let this process and its children change files below `folder` only, and use no TCP; reading stays allowed.

    Returns whether the kernel has Landlock for it; for TCP it needs version 4.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)
    if version < 1:
        return False
    rights = _WRITE_FILE | _CHANGE_FOLDER | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = _RulesetAttributes(rights, _TCP)
    size = ctypes.sizeof(attributes) if version >= 4 else ctypes.sizeof(ctypes.c_uint64)
    ruleset = libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    # On a file only the rights to write to it and to shorten it have a meaning.
    of_file = rights & (_WRITE_FILE | _TRUNCATE)
    allowed = _allow(libc, ruleset, folder, rights) and _allow(libc, ruleset, Path("/dev/null"), of_file)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    restricted = libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return allowed and restricted


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> bool:
    descriptor = os.open(path, _O_PATH | os.O_CLOEXEC)
    rule = _PathBeneathAttributes(rights, descriptor)
    added = libc.syscall(_SYS_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0) == 0
    os.close(descriptor)
    return added
