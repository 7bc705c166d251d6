"""Which model is asked, how, and how much of it."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from tracewright.pipeline.config.paths import ModelName
from tracewright.schemas import Sampling
from tracewright.schemas.base import Frozen

_MAX_SEED = 2**63 - 1
_MAX_LOGPROBS = 1_000
_MAX_IN_FLIGHT = 65_536


class ExampleConfig(Frozen):
    """A question with its answer, shown to the teacher before each problem."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class ReasoningConfig(Frozen):
    """Where a completion's thinking ends and what it shows begins."""

    open: str = Field(default="<think>", min_length=1)
    close: str = Field(default="</think>", min_length=1)
    """A server's own reasoning field is put between the two marks, in front of the text."""
    required: bool = False
    """Whether a completion without the closing mark is cut off, whatever the engine says: for teachers whose prompt
    opens the thinking, so that the completion itself does not."""


class EarlyStopConfig(Frozen):
    """When a completion is given up before its end, as the teacher is not sure enough of it (DeepConf, online).

    The confidence of a place is the mean of −log p over its `logprobs` likeliest tokens, of 2 or more; with 1, the
    drawn token's own logprob. What is compared is its mean over the last `window` tokens.
    """

    window: int = Field(default=128, ge=1)
    """Tokens."""
    keep: float = Field(default=0.95, gt=0.0, le=1.0)
    """The share of the first traces' correct ones that the threshold lets through."""
    warm_up: int = Field(default=64, ge=8)
    """How many traces run to their end before there is a threshold."""
    threshold: float | None = None
    """A confidence to use instead of a calibrated one; it has the unit of `window`'s means."""


class PriceConfig(Frozen):
    """What the teacher costs, in any one currency."""

    prompt_tokens: float = Field(default=0.0, ge=0.0)
    """A million of them."""
    tokens: float = Field(default=0.0, ge=0.0)
    """A million tokens of completions."""
    hour: float = Field(default=0.0, ge=0.0)
    """An hour of the machine."""


class TeacherConfig(Frozen):
    """The teacher: its engine, its weights, its prompt, its sampling and its limits."""

    engine: Literal["server", "vllm", "embedded"]
    """`server`: OpenAI-compatible servers; `vllm`: an engine in this process; `embedded`: the teacher that ships."""
    base_urls: tuple[str, ...] = ()
    """For `server`: the addresses up to and with `/v1`; requests are spread over them."""
    api_key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """For `server`: the environment variable that holds the servers' key, which is written down nowhere."""
    model: ModelName | None = None
    """A model's name, or a folder relative to the config file; for `embedded` only where another one is meant."""
    revision: str | None = None
    """A commit or tag of the model."""
    samples: int = Field(default=1, ge=1)
    """Completions for each problem."""
    until_correct: int | None = Field(default=None, ge=1)
    """Instead of `samples`: ask until so many completions are correct …"""
    max_samples: int | None = Field(default=None, ge=1)
    """… or so many were made."""
    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, ge=0.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    """0: no limit."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    stop: tuple[str, ...] = ()
    seed: int = Field(default=0, ge=0, le=_MAX_SEED)
    logprobs: int = Field(default=0, ge=0, le=_MAX_LOGPROBS)
    """How many of the likeliest tokens to take the logprobs of, at each place; 0: only the sampled token's, and none at
    all from servers."""
    keep_top_logprobs: bool = False
    """For `vllm` and `embedded`: whether the likeliest tokens of every place are kept beside the shards, for training
    on the teacher's distributions. A token takes some 3 bytes for each of the `logprobs`."""
    max_in_flight: int = Field(default=256, ge=1, le=_MAX_IN_FLIGHT)
    """Requests that the engine works on at the same time, at most."""
    deadline_seconds: float = Field(default=900.0, gt=0.0)
    """For one completion, its waiting in the engine included; what takes longer is a failure. Time in which no server
    can be reached does not count."""
    stall_seconds: float = Field(default=30.0, gt=0.0)
    """For `vllm` and `embedded`: without a sign of life for so long the engine counts as hung and is replaced."""
    early_stop: EarlyStopConfig | None = None
    """For long chains: end what falls below a calibrated confidence, and save its further tokens."""
    price: PriceConfig = PriceConfig()
    engine_args: dict[str, JsonValue] = {}
    """For `vllm` and `embedded`: further arguments of the engine, such as `tensor_parallel_size`."""
    system: str | None = None
    """The system message."""
    template: str | None = None
    """A Jinja template that makes the prompt from `question`; the engine's own where left out."""
    examples: tuple[ExampleConfig, ...] = ()
    """Shown as earlier turns, questions as the template makes them."""
    reasoning: ReasoningConfig = ReasoningConfig()

    @field_validator("base_urls")
    @classmethod
    def _check_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            _check_url(url)
        if len(set(urls)) < len(urls):
            raise ValueError("an address is given twice")
        return urls

    @model_validator(mode="after")
    def _check_engine_has_what_it_needs(self) -> Self:
        if self.engine == "server" and not self.base_urls:
            raise ValueError('engine server needs base_urls, for example ["http://127.0.0.1:8000/v1"]')
        if self.engine != "server" and self.base_urls:
            raise ValueError(f"base_urls is for engine server; engine {self.engine} takes none")
        if self.engine != "server" and self.api_key_variable is not None:
            raise ValueError(f"api_key_variable is for engine server; engine {self.engine} takes none")
        if self.engine != "embedded" and self.model is None:
            raise ValueError(f"engine {self.engine} needs model: a name or a folder")
        if self.early_stop and not self.logprobs and self.engine != "embedded":
            raise ValueError("early_stop needs logprobs: set logprobs, to 5 for example")
        if self.keep_top_logprobs and self.engine == "server":
            raise ValueError("keep_top_logprobs needs token ids, which servers don't give: use engine vllm")
        if self.keep_top_logprobs and not self.logprobs and self.engine != "embedded":
            raise ValueError("keep_top_logprobs keeps the `logprobs` likeliest tokens: set logprobs, to 32 for example")
        if self.engine == "server" and self.engine_args:
            raise ValueError("engine_args is for an engine that tracewright starts; engine server takes none")
        return self

    @model_validator(mode="after")
    def _check_samples(self) -> Self:
        if (self.until_correct is None) != (self.max_samples is None):
            raise ValueError("until_correct and max_samples belong together: give both, or samples alone")
        if self.until_correct and self.max_samples and self.max_samples < self.until_correct:
            raise ValueError(f"max_samples {self.max_samples} is less than until_correct {self.until_correct}")
        if self.until_correct and self.samples != 1:
            raise ValueError("samples and until_correct are two ways of saying how often: leave one out")
        return self

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn: the part of these settings that changes a finished completion."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            stop=self.stop,
            seed=self.seed,
        )


def _check_url(url: str) -> None:
    parts = urlsplit(url)  # raises ValueError itself where the address of the host is malformed
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an address such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        raise ValueError("an address with a password in it, which would be stored with every trace: leave it out")
