"""The engine's own process: vLLM's step loop between two pipes. Started by `vllm_engine`, never imported by it.

Line by line JSON: settings first, then requests, on stdin; one `ready`, then results, and a sign of life every second
while there is work, on a private copy of stdout. What vLLM prints goes to stderr, which is the engine's log. Closing
stdin ends the process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from functools import partial
from itertools import accumulate
from typing import Any, BinaryIO

import orjson

from tracewright.pipeline.collector import collect_rarely
from tracewright.pipeline.engines.devices import share_devices
from tracewright.pipeline.engines.lifeline import end_group_with_parent
from tracewright.pipeline.engines.running_confidence import EarlyStop, RunningConfidence

_LIFE_INTERVAL_SECONDS = 1.0
_LOW_CONFIDENCE = "low_confidence"


def main() -> None:
    """Serve until stdin closes or the parent is gone."""
    end_group_with_parent(int(sys.argv[1]))
    share_devices()
    results = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    settings = orjson.loads(sys.stdin.buffer.readline())
    worker = _Worker(settings, results)
    requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    with collect_rarely():
        worker.serve(requests)


def _read_requests(requests: queue.SimpleQueue[bytes | None]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    requests.put(None)


class _Worker:
    """One vLLM engine and the requests it has in flight."""

    def __init__(self, settings: dict[str, Any], results: BinaryIO) -> None:
        import vllm
        from vllm import EngineArgs, LLMEngine, SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._results = results
        self._sampling = settings["sampling"]
        self._deadline_seconds = settings["deadline_seconds"]
        self._with_top_ids = settings["with_top_ids"]
        self._next_life = 0.0
        self._engine = LLMEngine.from_engine_args(EngineArgs(**settings["engine_args"]))
        self._tokenizer: Any = self._engine.get_tokenizer()
        self._backend: Any = self._tokenizer.backend_tokenizer
        self._parts = _Parts(self._backend)
        self._special_ids = frozenset(self._tokenizer.all_special_ids)  # the tokenizer makes the list at every look
        self._make_params = partial(SamplingParams, flat_logprobs=True, detokenize=bool(self._sampling.get("stop")))
        self._score_params = partial(SamplingParams, flat_logprobs=True, detokenize=False)
        self._whole, self._growing = RequestOutputKind.FINAL_ONLY, RequestOutputKind.CUMULATIVE
        self._pending: dict[str, tuple[str, float]] = {}
        self._watched: dict[str, RunningConfidence] = {}
        """Those that may be given up early."""
        self._scored: dict[str, int] = {}
        """The first place that is wanted of texts that are only read."""
        config = self._engine.model_config
        self._write(
            {
                "ready": {
                    "version": vllm.__version__,
                    "dtype": str(config.dtype).removeprefix("torch."),
                    "max_model_len": config.max_model_len,
                }
            }
        )

    def serve(self, requests: queue.SimpleQueue[bytes | None]) -> None:
        """Add what has come, step, write what is finished; wait only when there is nothing to do."""
        open_ended = True
        while open_ended or self._pending:
            while open_ended and (not self._pending or not requests.empty()):
                request = requests.get()
                if request is None:
                    open_ended = False
                else:
                    self._add(orjson.loads(request))
                self._results.flush()
            for output in self._engine.step() if self._pending else ():
                self._take(output)
            self._end_overdue()
            self._show_life()
            self._results.flush()

    def _end_overdue(self) -> None:
        """Give up what has passed its deadline; requests wait in the order in which they came."""
        while self._pending:
            key, (_, submitted) = next(iter(self._pending.items()))
            if time.monotonic() - submitted <= self._deadline_seconds:
                return
            self._engine.abort_request([key])
            del self._pending[key]
            self._watched.pop(key, None)
            self._scored.pop(key, None)
            self._write({"key": key, "failure": f"not finished within its deadline of {self._deadline_seconds:.0f} s"})

    def _take(self, output: Any) -> None:
        if output.finished:
            self._finish(output, output.outputs[0].finish_reason)
        elif output.request_id in self._watched:
            self._watch(output)

    def _watch(self, output: Any) -> None:
        """Follow the new tokens' confidence, and give the completion up where it is too low."""
        running, flat = self._watched[output.request_id], output.outputs[0].logprobs
        for place in range(running.seen, len(flat.start_indices)):
            start, end = flat.start_indices[place], flat.end_indices[place]
            if running.add(flat.logprobs[start], flat.logprobs[start + 1 : end]):
                self._engine.abort_request([output.request_id])
                self._finish(output, _LOW_CONFIDENCE)
                return

    def _show_life(self) -> None:
        if time.monotonic() >= self._next_life:
            self._next_life = time.monotonic() + _LIFE_INTERVAL_SECONDS
            self._write({"alive": len(self._pending)})

    def _write(self, message: dict[str, Any]) -> None:
        self._results.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY))
        if "ready" in message:
            self._results.flush()

    def _add(self, request: dict[str, Any]) -> None:
        if "score" in request:
            for text in request["score"]:
                self._add_text(text, request["likeliest"])
            return
        key = request["key"]
        try:
            prompt = self._render(request)
            ids = self._tokenizer.encode(prompt, add_special_tokens=self._tokenizer.chat_template is None)
            if request["prefix_ids"] is not None:
                ids += request["prefix_ids"]
            elif request["prefix"]:
                ids += self._tokenizer.encode(request["prefix"], add_special_tokens=False)
            drawn = {"temperature": 0.0} if request["greedy"] else {"seed": request["seed"]}
            rule = request["early_stop"]
            params = self._make_params(**(self._sampling | drawn), output_kind=self._growing if rule else self._whole)
            self._engine.add_request(key, {"prompt_token_ids": ids}, params)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the others; the text goes to its row
            self._write({"key": key, "failure": f"{type(error).__name__}: {error}"})
            return
        self._pending[key] = (prompt, time.monotonic())
        if rule:
            self._watched[key] = RunningConfidence(EarlyStop(**rule))

    def _add_text(self, text: dict[str, Any], likeliest: int) -> None:
        """Have a text read; what is written after it, one token, is thrown away."""
        key = text["key"]
        try:
            params = self._score_params(prompt_logprobs=likeliest, max_tokens=1, temperature=0.0)
            self._engine.add_request(key, {"prompt_token_ids": text["token_ids"]}, params)
        except Exception as error:  # noqa: BLE001 - as in `_add`
            self._write({"key": key, "failure": f"{type(error).__name__}: {error}"})
            return
        self._pending[key] = ("", time.monotonic())
        self._scored[key] = text["start"]

    def _render(self, request: dict[str, Any]) -> str:
        if self._tokenizer.chat_template is None:
            shown = [text for pair in request["examples"] for text in pair]
            return "\n\n".join(filter(None, [request["system"], *shown, request["question"]]))
        messages = [{"role": "system", "content": request["system"]}] if request["system"] else []
        for question, answer in request["examples"]:
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        messages.append({"role": "user", "content": request["question"]})
        return str(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    def _finish(self, output: Any, reason: str) -> None:
        if output.request_id not in self._pending:  # given up a moment ago
            return
        self._watched.pop(output.request_id, None)
        prompt, submitted = self._pending.pop(output.request_id)
        if output.request_id in self._scored:
            self._tell_scores(output, self._scored.pop(output.request_id))
            return
        completion = output.outputs[0]
        ids = list(completion.token_ids)
        while ids and ids[-1] in self._special_ids:
            ids.pop()
        text, ends = self._decode(ids)
        if self._sampling.get("stop"):  # the engine has cut the text at the stop string; tokens may reach past it
            text, ends = completion.text, [min(end, len(completion.text)) for end in ends]
        flat: Any = completion.logprobs
        top_ids = flat.token_ids if self._with_top_ids and flat is not None else None
        self._write(
            {
                "key": output.request_id,
                "prompt": prompt,
                "text": text,
                "finish_reason": reason,
                "token_ids": ids,
                "token_ends": ends,
                "logprobs": None if flat is None else flat.logprobs,
                "starts": None if flat is None else flat.start_indices,
                "top_ids": top_ids,
                "all_token_ids": None if top_ids is None else list(completion.token_ids),
                "vocabulary": len(self._tokenizer),
                "prompt_token_count": len(output.prompt_token_ids or ()),
                "seconds": round(time.monotonic() - submitted, 6),
            }
        )

    def _tell_scores(self, output: Any, start: int) -> None:
        flat = output.prompt_logprobs
        self._write(
            {
                "key": output.request_id,
                "all_token_ids": output.prompt_token_ids[start:],
                "logprobs": flat.logprobs[flat.start_indices[start] :],
                "starts": [at - flat.start_indices[start] for at in flat.start_indices[start:]],
                "top_ids": flat.token_ids[flat.start_indices[start] :],
                "vocabulary": len(self._tokenizer),
            }
        )

    def _decode(self, ids: list[int]) -> tuple[str, list[int]]:
        """The text of the tokens, and how many of its characters are complete after each of them."""
        text = str(self._backend.decode(ids, skip_special_tokens=False))
        parts = [self._parts[token] for token in ids]
        if "".join(parts) == text:
            return text, list(accumulate(map(len, parts)))
        return self._decode_in_context(ids, text)

    def _decode_in_context(self, ids: list[int], text: str) -> tuple[str, list[int]]:
        """The same where a token's text depends on those before it: bytes of one character, spaces between words."""
        from tokenizers.decoders import DecodeStream

        stream, ends, length = DecodeStream(skip_special_tokens=False), [], 0
        for token in ids:
            length += len(stream.step(self._backend, token) or "")
            ends.append(length)
        return text, [*(min(end, len(text)) for end in ends[:-1]), len(text)]


class _Parts(dict[int, str]):
    """Each token's text by itself, made when it is first seen."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, token: int) -> str:
        self[token] = part = str(self._tokenizer.decode([token], skip_special_tokens=False))
        return part


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
    # vLLM's own teardown takes seconds and has nothing left to save.
    os._exit(0)
