"""What a run is told: frozen models read from YAML files, with every fault of a file named at once."""

from tracewright.pipeline.config.generate import GenerateConfig
from tracewright.pipeline.config.loading import config_hash, load_config, parse_config
from tracewright.pipeline.config.paths import ConfigPath, ModelName
from tracewright.pipeline.config.problems import (
    ArithmeticConfig,
    ColumnsConfig,
    DatasetConfig,
    ProblemsConfig,
    ReasoningGymConfig,
)
from tracewright.pipeline.config.spending import AlertConfig, BudgetConfig
from tracewright.pipeline.config.teacher import (
    EarlyStopConfig,
    ExampleConfig,
    PriceConfig,
    ReasoningConfig,
    TeacherConfig,
)

__all__ = [
    "AlertConfig",
    "ArithmeticConfig",
    "BudgetConfig",
    "ColumnsConfig",
    "ConfigPath",
    "DatasetConfig",
    "EarlyStopConfig",
    "ExampleConfig",
    "GenerateConfig",
    "ModelName",
    "PriceConfig",
    "ProblemsConfig",
    "ReasoningConfig",
    "ReasoningGymConfig",
    "TeacherConfig",
    "config_hash",
    "load_config",
    "parse_config",
]
