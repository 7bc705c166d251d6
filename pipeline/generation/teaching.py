"""Who is asked, how often, for how much, and what counts as an answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracewright.pipeline.confidence import Calibration, find_calibration, save_calibration
from tracewright.pipeline.config import BudgetConfig, EarlyStopConfig, PriceConfig, ReasoningConfig, TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.prompts import check_template, render_prompt
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem, TeacherRef


@dataclass(frozen=True)
class Teaching:
    """What a run asks of its teacher."""

    teacher: TeacherRef
    samples: int = 1
    """For each problem; with `until_correct`, at most."""
    until_correct: int | None = None
    """Correct traces after which a problem has enough; None: all samples are made."""
    max_tokens: int | None = None
    system: str | None = None
    template: str | None = None
    """A Jinja template that makes the prompt from the problem; None: the question itself."""
    examples: tuple[tuple[str, str], ...] = ()
    """Questions with answers, shown as earlier turns."""
    reasoning: ReasoningConfig = field(default_factory=ReasoningConfig)
    calibration: Calibration | None = None
    retry_failed: bool = False
    """Whether requests that failed in an earlier run are made again."""
    price: PriceConfig = field(default_factory=PriceConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    early_stop: EarlyStopConfig | None = None


def make_teaching(
    config: TeacherConfig,
    teacher: TeacherRef,
    calibration: Calibration | None,
    *,
    budget: BudgetConfig | None = None,
    retry_failed: bool = False,
) -> Teaching:
    """What a config's teacher is asked for.

    Raises:
        ConfigError: the template is malformed.
    """
    if config.template is not None:
        check_template(config.template)
    return Teaching(
        teacher=teacher,
        samples=config.max_samples or config.samples,
        until_correct=config.until_correct,
        max_tokens=config.max_tokens,
        system=config.system,
        template=config.template,
        examples=tuple((example.question, example.answer) for example in config.examples),
        reasoning=config.reasoning,
        calibration=calibration,
        retry_failed=retry_failed,
        price=config.price,
        budget=budget or BudgetConfig(),
        early_stop=config.early_stop,
    )


def render_question(teaching: Teaching, problem: Problem) -> str:
    """What stands in the last turn.

    Raises:
        ConfigError: the template makes no prompt of this problem.
    """
    return problem.question if teaching.template is None else render_prompt(teaching.template, problem)


def choose_calibration(store: Store, teacher: TeacherRef) -> Calibration | None:
    """The teacher's calibration: the store's own, or the one that ships with the embedded teacher, then kept there too.

    None where there is neither: its traces then carry no confidence, and the reason why.
    """
    folder = store.path / "calibration"
    found = find_calibration(folder, teacher)
    if found is None and (shipped := find_calibration(embedded.checkpoint_path() / "calibration", teacher)):
        save_calibration(shipped, folder)
        return shipped
    return found
