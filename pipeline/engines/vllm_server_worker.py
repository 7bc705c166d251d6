"""vLLM's OpenAI-compatible server, ended with its parent. Started by `vllm_server`; takes the parent, then options."""

from __future__ import annotations

import runpy
import sys

from tracewright.pipeline.engines.lifeline import end_group_with_parent

_SERVER = "vllm.entrypoints.openai.api_server"
"""As a module: the command `vllm` looks for a distribution of that name, which the CPU build does not have."""

if __name__ == "__main__":
    end_group_with_parent(int(sys.argv.pop(1)))
    runpy.run_module(_SERVER, run_name="__main__", alter_sys=True)
