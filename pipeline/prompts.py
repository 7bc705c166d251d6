"""What a teacher is shown of a problem, where it is not the bare question."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tracewright.schemas import ConfigError, Problem

_MAX_PROMPT_CHARS = 1_000_000


def render_prompt(template: str, problem: Problem) -> str:
    """The template with the problem's `question`, `choices`, `domain` and `level`, in Jinja's sandbox.

    Raises:
        ConfigError: the template is malformed, names something else, or makes a prompt that is empty or too long.
    """
    compiled = check_template(template)
    try:
        prompt = compiled.render(
            question=problem.question, choices=problem.choices, domain=problem.domain, level=problem.level
        )
    except (TemplateError, TypeError, OverflowError, ValueError, ArithmeticError) as error:
        raise ConfigError(
            f"teacher.template can't be rendered: {error}; it may use question, choices, domain and level"
        ) from error
    if not prompt.strip() or len(prompt) > _MAX_PROMPT_CHARS:
        raise ConfigError(
            f"teacher.template makes a prompt of {len(prompt):,} characters for problem {problem.id}, expected 1 to "
            f"{_MAX_PROMPT_CHARS:,}"
        )
    return prompt


def check_template(template: str) -> Template:
    """The template, compiled.

    Raises:
        ConfigError: it is malformed.
    """
    try:
        return _compile(template)
    except TemplateError as error:
        raise ConfigError(f"teacher.template can't be read: {error}; mend it in the config") from error


@lru_cache(maxsize=8)
def _compile(template: str) -> Template:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False).from_string(template)
