"""From a config to a running teacher."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.checkpoint import identify_checkpoint
from tracewright.pipeline.engines.server_engine import ServerEngine, ServerSettings
from tracewright.pipeline.engines.steady_engine import SteadyEngine
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.schemas import TeacherRef


class RunningTeacher:
    """An engine that starts or answers, and what its traces say of it.

    The engine loads in its own process from the moment this is made; only what needs it waits for it.

    Raises:
        MissingInputError: the model's folder is not a checkpoint.
    """

    def __init__(self, config: TeacherConfig, log: Path) -> None:
        self._config = config
        self.engine: SteadyEngine | ServerEngine
        if config.engine == "server":
            self._identity = identify_checkpoint(_served_name(config), config.revision, _prompt(config))
            self.engine = ServerEngine(server_settings(config))
        else:
            settings = vllm_settings(config)
            self._identity = identify_checkpoint(settings.model, config.revision, _prompt(config))
            self.engine = SteadyEngine(lambda: VllmEngine(settings, log))

    @cached_property
    def ref(self) -> TeacherRef:
        """Who the teacher is; waits until the engine is ready.

        Raises:
            EngineError: the engine did not start; the message ends with its log.
        """
        return TeacherRef(
            model=embedded.NAME if self._config.engine == "embedded" else str(self._config.model),
            revision=self._identity.revision,
            dtype=self.engine.dtype,
            quantization=_quantization(self._config.engine_args),
            tokenizer_hash=self._identity.tokenizer_hash,
            template_hash=self._identity.template_hash,
            sampling=self._config.sampling,
            fingerprint="",
        )

    def __enter__(self) -> RunningTeacher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.engine.__exit__(kind, error, trace)


def _prompt(config: TeacherConfig) -> str:
    """What is shown to the teacher beside the question and its own chat template."""
    return "\0".join([config.system or "", config.template or ""])


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


def server_settings(config: TeacherConfig) -> ServerSettings:
    """What the config means for a pool of servers."""
    return ServerSettings(
        base_urls=config.base_urls,
        model=str(config.model),
        sampling=config.sampling,
        max_tokens=config.max_tokens,
        logprobs=config.logprobs,
        max_in_flight=config.max_in_flight,
    )


def _served_name(config: TeacherConfig) -> str:
    """A server's model is known by its name alone, whatever folder of that name may lie here."""
    return f"server:{config.model}"


def _quantization(engine_args: Mapping[str, object]) -> str | None:
    value = engine_args.get("quantization")
    return None if value is None else str(value)
