"""Ctrl-C at any moment ends a command with its message and its status."""

import subprocess
import sys

import pytest

START = """
import os, signal, time
from tracewright.flows.interrupts import guard_interrupts, stop_on_interrupt

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

guard_interrupts()
with stop_on_interrupt():
    try:
"""
END = """
        time.sleep(15)
    finally:
        print("put away", flush=True)
"""


@pytest.mark.parametrize(
    "interrupt",
    ["Finalized()", "os.kill(os.getpid(), signal.SIGINT)"],
    ids=["dropped by a finalizer", "raised at once"],
)
def test_an_interrupt_stops_the_command(interrupt: str) -> None:
    script = f"{START}        {interrupt}{END}"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 130, result.stderr
    assert result.stdout == "put away\n"
    assert "the same command goes on" in result.stderr and "Traceback" not in result.stderr
