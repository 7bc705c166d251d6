"""What an ablation says: a table, its figures as JSON, a plot, and sentences that say losses as plainly as gains."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracewright.distill.ablation import Difference, measure_difference
from tracewright.distill.ablation_config import Arm
from tracewright.distill.config import DistillConfig
from tracewright.distill.evaluation_plots import draw_bars
from tracewright.schemas.base import Frozen

REPORT, TABLE, PLOT = "ablation.json", "ablation.md", "ablation.svg"
_ADDS = {
    Arm.OUTPUT: "the teacher's distributions",
    Arm.ATTENTION: "what happens inside the teacher",
    Arm.TRACE: "weights by step",
    Arm.REWARD: "reinforcement learning",
}
_ORDER = tuple(Arm)


class Gain(Frozen):
    """What an arm solves beyond another, in points, with the 95 % interval over paired seeds."""

    points: float
    low: float
    high: float

    @classmethod
    def of(cls, difference: Difference) -> Gain:
        """As it was measured."""
        return cls(points=difference.points, low=difference.low, high=difference.high)

    @property
    def verdict(self) -> str:
        """In a word."""
        return "helped" if self.low > 0 else "hurt" if self.high < 0 else "can't be told from nothing"


class ArmFigures(Frozen):
    """One arm."""

    arm: Arm
    learning_rate: float
    accuracies: tuple[float, ...]
    """By seed, in percent."""
    mean: float
    over_control: Gain | None
    over_before: Gain | None
    """Over the arm that lacks only what this one adds."""
    processor_seconds: float | None = None
    """Of its slowest student, training and answers."""


class AblationReport(Frozen):
    """Which part helped."""

    release: str
    problems: int
    seeds: int
    steps: int
    arms: tuple[ArmFigures, ...]
    curated_over_raw: Gain | None
    """At as many training steps, and so tokens."""
    conclusions: tuple[str, ...]

    def arm(self, arm: Arm) -> ArmFigures | None:
        """One of them."""
        return next((one for one in self.arms if one.arm is arm), None)


def make_report(
    config: DistillConfig,
    release: str,
    rates: Mapping[Arm, float],
    solved: Mapping[Arm, Sequence[Sequence[bool]]],
    seconds: Mapping[Arm, float] | None = None,
) -> AblationReport:
    """The figures from every arm's answers, seed by seed; `seconds` is what each arm's slowest student took."""
    percent = {arm: [100 * sum(one) / len(one) for one in solved[arm]] for arm in _ORDER if arm in solved}
    chain = [arm for arm in percent if arm is not Arm.RAW]
    figures: list[ArmFigures] = []
    for arm, values in percent.items():
        control = percent.get(Arm.CONTROL) if arm is not Arm.CONTROL else None
        before = percent[chain[chain.index(arm) - 1]] if arm in chain[1:] else None
        figures.append(
            ArmFigures(
                arm=arm,
                learning_rate=rates[arm],
                accuracies=tuple(round(value, 2) for value in values),
                mean=round(sum(values) / len(values), 2),
                over_control=_gain(values, control),
                over_before=_gain(values, before),
                processor_seconds=seconds.get(arm) if seconds else None,
            )
        )
    whole = percent[max((arm for arm in chain if arm is not Arm.REWARD), key=_ORDER.index)]
    against_raw = _gain(whole, percent.get(Arm.RAW))
    return AblationReport(
        release=release,
        problems=config.ablation.problems,
        seeds=config.ablation.seeds,
        steps=config.training.steps,
        arms=tuple(figures),
        curated_over_raw=against_raw,
        conclusions=_conclude(figures, against_raw),
    )


def write_report(report: AblationReport, folder: Path) -> None:
    """`ablation.json`, `ablation.md` and `ablation.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(report.model_dump_json(indent=1) + "\n")
    (folder / TABLE).write_text(render_table(report))
    bars = {one.arm.value: (one.mean, *_interval(one.accuracies)) for one in report.arms}
    (folder / PLOT).write_text(draw_bars(bars, "held-out problems solved, %"))


def render_table(report: AblationReport) -> str:
    """As Markdown."""
    lines = [
        f"# Which part helped: {report.release}",
        "",
        f"{report.seeds} seeds, {report.steps:,} steps, {report.problems:,} held-out problems; intervals are 95 %, "
        "Student's t over paired seeds.",
        "",
        "| arm | learning rate | solved, % | over the control | over the arm before | seconds of a core |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.arm.value} | {one.learning_rate:g} | {one.mean:.1f} | {_say(one.over_control)} | "
        f"{_say(one.over_before)} | {'' if one.processor_seconds is None else f'{one.processor_seconds:.0f}'} |"
        for one in report.arms
    ]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in report.conclusions), ""])


def read_report(folder: Path) -> AblationReport:
    """The report that an ablation left."""
    return AblationReport.model_validate(json.loads((folder / REPORT).read_text()))


def _gain(ours: Sequence[float], theirs: Sequence[float] | None) -> Gain | None:
    return None if theirs is None else Gain.of(measure_difference(ours, theirs))


def _conclude(figures: Sequence[ArmFigures], against_raw: Gain | None) -> tuple[str, ...]:
    said = [
        f"Adding {_ADDS[one.arm]} {one.over_before.verdict}: {_say(one.over_before)} points."
        for one in figures
        if one.over_before is not None and one.arm in _ADDS
    ]
    if against_raw is not None:
        said.append(f"Curating the release {against_raw.verdict}: {_say(against_raw)} points at as many tokens.")
    return tuple(said)


def _say(gain: Gain | None) -> str:
    if gain is None:
        return ""
    return f"{gain.points:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})".replace("-", "−")


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Of their mean."""
    found = measure_difference(values, [0.0] * len(values))
    return found.low, found.high
