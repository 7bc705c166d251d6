"""What tracewright's data is: frozen models, the Arrow schemas derived from them, ids and errors. No I/O."""

from tracewright.schemas.arrow import arrow_schema, from_table, schema_hash, to_table
from tracewright.schemas.errors import (
    ConfigError,
    EngineError,
    InputError,
    IntegrityError,
    MissingInputError,
    ReleaseYankedError,
    SchemaVersionError,
    StoreError,
    TracewrightError,
)
from tracewright.schemas.ids import hash_content, hash_to_unit, is_held_out, make_id
from tracewright.schemas.migrations import SCHEMA_VERSION
from tracewright.schemas.problem import AnswerKind, CodeTest, Image, Problem
from tracewright.schemas.release import (
    CalibrationFigures,
    Message,
    ReleaseFile,
    ReleaseManifest,
    ReleaseRow,
    ReleaseStep,
    StageCount,
    TeacherShare,
    Tombstone,
)
from tracewright.schemas.review import Decision, Review
from tracewright.schemas.teacher import Sampling, TeacherRef
from tracewright.schemas.trace import (
    Attempt,
    AttemptKind,
    FinishReason,
    Rejection,
    Signals,
    Span,
    Step,
    Trace,
    make_trace_id,
)
from tracewright.schemas.verdict import CheckOutcome, Outcome, StepCheck, Verdict

__all__ = [
    "SCHEMA_VERSION",
    "AnswerKind",
    "Attempt",
    "AttemptKind",
    "CalibrationFigures",
    "CheckOutcome",
    "CodeTest",
    "ConfigError",
    "Decision",
    "EngineError",
    "FinishReason",
    "Image",
    "InputError",
    "IntegrityError",
    "Message",
    "MissingInputError",
    "Outcome",
    "Problem",
    "Rejection",
    "ReleaseFile",
    "ReleaseManifest",
    "ReleaseRow",
    "ReleaseStep",
    "ReleaseYankedError",
    "Review",
    "Sampling",
    "SchemaVersionError",
    "Signals",
    "Span",
    "StageCount",
    "Step",
    "StepCheck",
    "StoreError",
    "TeacherRef",
    "TeacherShare",
    "Tombstone",
    "Trace",
    "TracewrightError",
    "Verdict",
    "arrow_schema",
    "from_table",
    "hash_content",
    "hash_to_unit",
    "is_held_out",
    "make_id",
    "make_trace_id",
    "schema_hash",
    "to_table",
]
