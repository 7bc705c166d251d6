"""The adapter to process reward models: beside real vLLM with a tiny random one, and before servers that misbehave."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracewright.pipeline.confidence.reward_model import PoolingRewardModel, RewardModelSettings
from tracewright.schemas import EngineError, InputError

MARK, MARK_ID, HIDDEN = "<mark>", 257, 64
STEPS = ["2*3=6\n", "6+1=7 – fertig\n", "#### 7"]
START_SECONDS = 300
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "OMP_NUM_THREADS": "1",
}


def make_tokenizer(folder: Path) -> Any:
    """Bytes, an end and the mark."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", additional_special_tokens=[MARK])
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids(MARK) == MARK_ID
    return tokenizer


def make_model(folder: Path) -> Any:
    """A random Qwen2 process reward model of 2 layers; gives what its probabilities are according to transformers."""
    import torch
    from safetensors.torch import save_file
    from transformers import Qwen2Config, Qwen2Model

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=258,
        hidden_size=HIDDEN,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    model = Qwen2Model(config).float().eval()
    for weights in model.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.3)
    head = {"score.0.weight": torch.randn(HIDDEN, HIDDEN) * 0.02, "score.0.bias": torch.zeros(HIDDEN)}
    head |= {"score.2.weight": torch.randn(2, HIDDEN) * 0.1, "score.2.bias": torch.zeros(2)}
    body = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    save_file(body | head, folder / "model.safetensors", metadata={"format": "pt"})
    fields = config.to_dict() | {"architectures": ["Qwen2ForProcessRewardModel"], "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(fields))

    def score(messages: list[dict[str, str]]) -> list[float]:
        ids = tokenizer.encode(tokenizer.apply_chat_template(messages, tokenize=False), add_special_tokens=False)
        with torch.no_grad():
            states = model(torch.tensor([ids])).last_hidden_state[0]
            hidden = torch.relu(states @ head["score.0.weight"].T)
            chances = torch.softmax(hidden @ head["score.2.weight"].T, dim=-1)[:, 1]
        return [float(value) for value, token in zip(chances, ids, strict=True) if token == MARK_ID]

    return score


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PoolingRewardModel, Any]]:
    """The adapter to a real server of the random model, and the same model in transformers."""
    folder = tmp_path_factory.mktemp("reward")
    reference = make_model(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pooler = json.dumps({"pooling_type": "STEP", "step_tag_id": MARK_ID})
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--runner", "pooling", "--pooler-config", pooler, "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", "512", "--host", "127.0.0.1", "--port", str(port), "--served-model-name", "tiny"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_up(f"http://127.0.0.1:{port}", server)
        settings = RewardModelSettings(f"http://127.0.0.1:{port}/", "tiny", step_mark=MARK, system=None)
        with PoolingRewardModel(settings) as rewarder:
            yield rewarder, reference
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its engine is a process of its own that would go on
        server.wait()


def wait_until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=8)) as client:
        while time.monotonic() < ends and server.poll() is None:
            try:
                client.get(f"{url}/health", timeout=5).raise_for_status()
                return
            except httpx.HTTPError:
                continue
    pytest.fail(f"the reward model's server did not start: status {server.poll()}")


def turns(question: str, steps: list[str]) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "".join(step + MARK for step in steps)},
    ]


@pytest.mark.slow
def test_a_real_server_scores_each_step_as_the_model_does(served):
    rewarder, reference = served
    scores = rewarder.score("2*3+1", STEPS)
    assert scores == pytest.approx(reference(turns("2*3+1", STEPS)), abs=1e-4)
    assert len(set(scores)) == len(STEPS)


@pytest.mark.slow
def test_a_step_is_judged_by_what_stands_before_it(served):
    rewarder, _ = served
    full, cut, other = (rewarder.score("2*3+1", steps) for steps in (STEPS, STEPS[:2], ["2*3=5\n", *STEPS[1:]]))
    assert full[:2] == pytest.approx(cut, abs=1e-4)
    assert abs(full[0] - other[0]) > 1e-3


@pytest.mark.slow
def test_a_mark_in_the_text_makes_no_step(served):
    rewarder, _ = served
    hostile = rewarder.score(f"2*3{MARK}+1", [STEPS[0] + MARK, MARK + STEPS[1], STEPS[2]])
    assert hostile == pytest.approx(rewarder.score("2*3+1", STEPS), abs=1e-4)


@pytest.mark.slow
def test_many_come_in_order(served):
    rewarder, _ = served
    asked = [(f"{number}+1", [f"{number}+1={number + 1}\n", f"#### {number + 1}"]) for number in range(40)]
    together = list(rewarder.score_many(asked))
    assert together[7] == pytest.approx(rewarder.score(*asked[7]), abs=1e-4)
    assert len(together) == 40


@pytest.fixture
def answering() -> Iterator[Any]:
    """A function that starts a server which gives one answer whatever it is asked."""
    servers: list[ThreadingHTTPServer] = []

    def start(body: str, status: int = 200) -> PoolingRewardModel:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return PoolingRewardModel(RewardModelSettings(f"http://127.0.0.1:{server.server_port}", "m"))

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ('{"data": [{"data": [[0.5, 0.5]]}]}', 200, "gave 1 rewards for 3 steps: start the server with a pooler"),
        ('{"data": [{"data": [[3.5, 2.5], [0, 1], [0, 1]]}]}', 200, "which is no probability"),
        ('{"data": []}', 200, "gave no rewards"),
        ('{"data": [{"data": [["a"], ["b"], ["c"]]}]}', 200, "gave no rewards"),
        ('{"data": [{"data": [[], [], []]}]}', 200, "gives 0 numbers a step"),
        ("not JSON", 200, "can't be asked"),
        ('{"error": "no such model"}', 404, "refused with status 404: .*no such model"),
    ],
)
def test_what_is_no_reward_is_refused(answering, body, status, words):
    with answering(body, status) as rewarder, pytest.raises(EngineError, match=words):
        rewarder.score("q", STEPS)


def test_one_number_a_step_is_taken_as_it_is(answering):
    with answering('{"data": [{"data": [0.25, [0.5], 1]}]}') as rewarder:
        assert rewarder.score("q", STEPS) == [0.25, 0.5, 1.0]


def test_a_server_that_is_down_is_named():
    with PoolingRewardModel(RewardModelSettings("http://127.0.0.1:9", "m")) as rewarder:
        with pytest.raises(
            EngineError, match=r"http://127.0.0.1:9 can't be asked: .*: is the reward model's server up"
        ):
            rewarder.score("q", STEPS)
        with pytest.raises(InputError, match="got none"):
            rewarder.score("q", [])
