"""From a config to a running teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.checkpoint import identify_checkpoint
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.schemas import ConfigError, TeacherRef


@dataclass(frozen=True)
class RunningTeacher:
    """An engine that answers, and what its traces say of it."""

    engine: VllmEngine
    ref: TeacherRef

    def __enter__(self) -> RunningTeacher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.engine.__exit__(kind, error, trace)


def start_teacher(config: TeacherConfig, log: Path) -> RunningTeacher:
    """Start the teacher's engine and wait until it is ready.

    Raises:
        ConfigError: the config asks for an engine that is not there.
        EngineError: the engine did not start; the message ends with its log.
    """
    if config.engine == "server":
        raise ConfigError("teacher.engine: server is not built yet, expected vllm or embedded")
    settings = vllm_settings(config)
    identity = identify_checkpoint(settings.model, config.revision, config.system or "")
    engine = VllmEngine(settings, log)
    ref = TeacherRef(
        model=config.model or embedded.NAME,
        revision=identity.revision,
        dtype=engine.dtype,
        quantization=_quantization(settings.engine_args),
        tokenizer_hash=identity.tokenizer_hash,
        template_hash=identity.template_hash,
        sampling=config.sampling,
        fingerprint="",
    )
    return RunningTeacher(engine, ref)


def vllm_settings(config: TeacherConfig) -> VllmSettings:
    """What the config means for vLLM; the embedded teacher brings its own limits and always gives a top-k."""
    if config.engine != "embedded":
        return VllmSettings(
            model=str(config.model),
            sampling=config.sampling,
            max_tokens=config.max_tokens,
            logprobs=config.logprobs,
            max_in_flight=config.max_in_flight,
            engine_args={**config.engine_args, **({"revision": config.revision} if config.revision else {})},
        )
    return VllmSettings(
        model=str(config.model or embedded.checkpoint_path()),
        sampling=config.sampling,
        max_tokens=config.max_tokens,
        logprobs=max(config.logprobs, embedded.LOGPROBS),
        max_in_flight=config.max_in_flight,
        cpu_threads=1,
        engine_args={**embedded.ENGINE_ARGS, **config.engine_args},
    )


def _quantization(engine_args: Mapping[str, object]) -> str | None:
    value = engine_args.get("quantization")
    return None if value is None else str(value)
