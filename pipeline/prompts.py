"""What a teacher is shown of a problem, where it is not the bare question."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tracewright.schemas import ConfigError, Problem

_MAX_PROMPT_CHARS = 1_000_000
_FAULTS = (TemplateError, RecursionError, MemoryError)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's, which lets no template out, without the two operators that fill the memory in a word.

    A loop that writes nothing is not stopped: a template is as trusted as the config that it stands in.
    """

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(side) if isinstance(side, str | list | tuple) else side for side in (left, right)]
        if operator == "**" or not all(isinstance(size, int | float) for size in sizes):
            raise SecurityError(f"it can't use the operator {operator} here")
        if abs(sizes[0] * sizes[1]) > _MAX_PROMPT_CHARS:
            raise SecurityError(f"{operator} makes more than {_MAX_PROMPT_CHARS:,}")
        return super().call_binop(context, operator, left, right)


def render_prompt(template: str, problem: Problem) -> str:
    """The template with the problem's `question`, `choices`, `domain` and `level`, in Jinja's sandbox.

    Raises:
        ConfigError: the template is malformed, names something else, or makes a prompt that is empty or too long.
    """
    compiled = check_template(template)
    shown = {name: getattr(problem, name) for name in ("question", "choices", "domain", "level")}
    parts, size = list[str](), 0
    try:
        for part in compiled.generate(shown):
            parts.append(part)
            size += len(part)
            if size > _MAX_PROMPT_CHARS:
                break
    except (*_FAULTS, TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(
            f"teacher.template can't be rendered: {str(error) or type(error).__name__}; it may use question, choices, "
            "domain and level"
        ) from error
    prompt = "".join(parts)
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
    except _FAULTS as error:
        raise ConfigError(f"teacher.template can't be read: {error}; mend it in the config") from error


@lru_cache(maxsize=8)
def _compile(template: str) -> Template:
    # What a template computes is computed when it is rendered, not already when it is read.
    return _Sandbox(undefined=StrictUndefined, autoescape=False, optimized=False).from_string(template)
