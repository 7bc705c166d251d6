"""The raw engine of `bench generate`: vLLM's step loop and nothing else. Each line on stdin names a file of requests.

At its best: the same engine arguments as tracewright's, no text made of the tokens, nothing read of the logprobs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Load, then answer each line with the tokens made and the seconds that they took."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    settings = json.loads(sys.stdin.readline())
    from vllm import EngineArgs, LLMEngine, SamplingParams
    from vllm.sampling_params import RequestOutputKind

    engine = LLMEngine.from_engine_args(EngineArgs(**settings["engine_args"]))
    tokenizer = engine.get_tokenizer()
    print("ready", file=out)
    for line in sys.stdin:
        requests = json.loads(Path(line.strip()).read_text())
        began, tokens = time.perf_counter(), 0
        for request in requests:
            messages = [{"role": "user", "content": request["question"]}]
            prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            ids = tokenizer.encode(prompt, add_special_tokens=False)
            params = SamplingParams(
                **(settings["sampling"] | {"seed": request["seed"]}),
                flat_logprobs=True,
                detokenize=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            engine.add_request(request["key"], {"prompt_token_ids": ids}, params)
        while engine.has_unfinished_requests():
            tokens += sum(len(output.outputs[0].token_ids) for output in engine.step() if output.finished)
        print(json.dumps({"tokens": tokens, "seconds": time.perf_counter() - began}), file=out)


if __name__ == "__main__":
    main()
    os._exit(0)
