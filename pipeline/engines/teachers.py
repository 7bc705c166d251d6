"""From a config to a running teacher."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.checkpoint import CheckpointIdentity, identify_checkpoint
from tracewright.pipeline.engines.server_engine import ServerEngine, ServerSettings
from tracewright.pipeline.engines.steady_engine import SteadyEngine
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.schemas import ConfigError, TeacherRef


class RunningTeacher:
    """An engine that starts or answers, and what its traces say of it.

    The engine loads in its own process from the moment this is made; only what needs it waits for it.

    Raises:
        MissingInputError: the model's folder is not a checkpoint.
        ConfigError: the variable that holds the servers' key is not set.
    """

    def __init__(self, config: TeacherConfig, log: Path) -> None:
        self._config = config
        self._identity = _identify(config)
        self.engine: SteadyEngine | ServerEngine
        if config.engine == "server":
            self.engine = ServerEngine(server_settings(config))
        else:
            settings = vllm_settings(config)
            self.engine = SteadyEngine(lambda: VllmEngine(settings, log))

    @cached_property
    def ref(self) -> TeacherRef:
        """Who the teacher is; waits until the engine is ready.

        Raises:
            EngineError: the engine did not start; the message ends with its log.
        """
        return _describe(self._config, self._identity, self.engine.dtype)

    def __enter__(self) -> RunningTeacher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.engine.__exit__(kind, error, trace)


def embedded_config(checkpoint: Path | None = None) -> TeacherConfig:
    """The embedded teacher as it is asked by default, from its own folder or another one."""
    return TeacherConfig(
        engine="embedded",
        model=None if checkpoint is None else str(checkpoint),
        max_tokens=embedded.MAX_TOKENS,
        temperature=embedded.TEMPERATURE,
        logprobs=embedded.LOGPROBS,
    )


def find_teacher(config: TeacherConfig, known: Iterable[TeacherRef]) -> TeacherRef | None:
    """Which of the known teachers the config's is, told without starting its engine; None where it is none of them.

    Raises:
        MissingInputError: the model's folder is not a checkpoint.
    """
    identity = _identify(config)
    return next((ref for ref in known if ref == _describe(config, identity, ref.dtype)), None)


def guess_teacher(config: TeacherConfig) -> TeacherRef:
    """The config's teacher as far as it is known without its engine, which alone knows the number format.

    Raises:
        MissingInputError: the model's folder is not a checkpoint.
    """
    return _describe(config, _identify(config), str(config.engine_args.get("dtype", "unknown")))


def _identify(config: TeacherConfig) -> CheckpointIdentity:
    model = _served_name(config) if config.engine == "server" else vllm_settings(config).model
    return identify_checkpoint(model, config.revision, _prompt(config))


def _describe(config: TeacherConfig, identity: CheckpointIdentity, dtype: str) -> TeacherRef:
    return TeacherRef(
        model=embedded.NAME if config.engine == "embedded" else str(config.model),
        revision=identity.revision,
        dtype=dtype,
        quantization=_quantization(config.engine_args),
        tokenizer_hash=identity.tokenizer_hash,
        template_hash=identity.template_hash,
        sampling=config.sampling,
        fingerprint="",
    )


def _prompt(config: TeacherConfig) -> str:
    """What is shown to the teacher beside the question and its own chat template."""
    shown = [text for example in config.examples for text in (example.question, example.answer)]
    return "\0".join([config.system or "", config.template or "", *shown])


def vllm_settings(config: TeacherConfig) -> VllmSettings:
    """What the config means for vLLM; the embedded teacher brings its own limits and always gives a top-k."""
    if config.engine != "embedded":
        return VllmSettings(
            model=str(config.model),
            sampling=config.sampling,
            max_tokens=config.max_tokens,
            logprobs=config.logprobs,
            max_in_flight=config.max_in_flight,
            deadline_seconds=config.deadline_seconds,
            stall_seconds=config.stall_seconds,
            with_top_ids=config.keep_top_logprobs,
            engine_args={**config.engine_args, **({"revision": config.revision} if config.revision else {})},
        )
    return VllmSettings(
        model=str(config.model or embedded.checkpoint_path()),
        sampling=config.sampling,
        max_tokens=config.max_tokens,
        logprobs=max(config.logprobs, embedded.LOGPROBS),
        max_in_flight=config.max_in_flight,
        cpu_threads=1,
        with_top_ids=config.keep_top_logprobs,
        deadline_seconds=config.deadline_seconds,
        stall_seconds=config.stall_seconds,
        engine_args={**embedded.ENGINE_ARGS, **config.engine_args},
    )


def server_settings(config: TeacherConfig) -> ServerSettings:
    """What the config means for a pool of servers.

    Raises:
        ConfigError: the variable that holds their key is not set.
    """
    name = config.api_key_variable
    if name is not None and not os.environ.get(name):
        raise ConfigError(
            f"teacher.api_key_variable names {name}, which is not set: export {name}=KEY and run it again"
        )
    return ServerSettings(
        base_urls=config.base_urls,
        model=str(config.model),
        sampling=config.sampling,
        max_tokens=config.max_tokens,
        logprobs=config.logprobs,
        max_in_flight=config.max_in_flight,
        deadline_seconds=config.deadline_seconds,
        marks=(config.reasoning.open, config.reasoning.close),
        api_key=os.environ[name] if name is not None else None,
    )


def _served_name(config: TeacherConfig) -> str:
    """A server's model is known by its name alone, whatever folder of that name may lie here."""
    return f"server:{config.model}"


def _quantization(engine_args: Mapping[str, object]) -> str | None:
    value = engine_args.get("quantization")
    return None if value is None else str(value)
