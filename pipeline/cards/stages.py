"""What each stage of a funnel does, for people who do not know the pipeline."""

from __future__ import annotations

STAGE_MEANINGS: dict[str, str] = {
    "read": "rows of the source files that could be read as problems or traces.",
    "import": "traces that were complete when they were imported.",
    "generate": "completions that the teacher finished.",
    "where": "traces that a filter lets through.",
    "outcomes": "traces whose answer was found to be what the stage asks for, as a rule the gold answer.",
    "no_failed_step": "traces without a step that was proved wrong and that the author does not take back.",
    "length_limits": "traces that are neither too short nor too long.",
    "repetition": "traces that do not say the same again and again.",
    "exact_duplicates": "one of the traces that say the same about the same problem, but for white space.",
    "near_duplicates.problem": "one of the problems that ask nearly the same (MinHash over runs of 3 words); problems "
    "that differ in a number are different.",
    "near_duplicates.reasoning": "one of a problem's traces that say nearly the same, in the same way.",
    "decontamination": "traces that share no long run of words with a problem of the benchmarks that are named in the "
    "reasons and settings.",
    "best_of_problem": "the best few different traces of each problem.",
    "balance": "no more traces of a domain and level than a limit.",
    "matching": "traces that a filter lets through.",
    "release": "rows of this release.",
}
"""What each of them keeps, by its name in the funnel."""
