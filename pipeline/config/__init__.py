"""What a run is told: frozen models read from YAML files, with every fault of a file named at once."""

from tracewright.pipeline.config.generate import GenerateConfig
from tracewright.pipeline.config.loading import config_hash, load_config, parse_config
from tracewright.pipeline.config.paths import ConfigPath, ModelName
from tracewright.pipeline.config.problems import ArithmeticConfig, ColumnsConfig, ProblemsConfig
from tracewright.pipeline.config.teacher import TeacherConfig

__all__ = [
    "ArithmeticConfig",
    "ColumnsConfig",
    "ConfigPath",
    "GenerateConfig",
    "ModelName",
    "ProblemsConfig",
    "TeacherConfig",
    "config_hash",
    "load_config",
    "parse_config",
]
