"""The command line: `tracewright COMMAND`.

Exit status 0 on success, 1 on a refused or failed request with one clear line on stderr, 2 on wrong usage, 130 after
Ctrl-C. A traceback is never what a user sees; `TRACEWRIGHT_DEBUG=1` shows it.
"""

from __future__ import annotations

import os
import sys
import textwrap

import typer
from rich.markup import escape

from tracewright.flows.commands import (
    answers,
    benches,
    curation,
    data,
    flows,
    generate,
    jobs,
    releases,
    scores,
    service,
    stores,
    students,
)
from tracewright.flows.interrupts import end_now, guard_interrupts
from tracewright.flows.progress import console
from tracewright.schemas import TracewrightError

_OUT_OF_SPACE_HINT = "free some space (df -h shows it) and run the same command again: what was finished is kept"
_MAX_MESSAGE_CHARS = 400
"""Of an error that nobody foresaw: some libraries print all of their arguments."""

app = typer.Typer(
    name="tracewright",
    help="From problems to checked reasoning traces, immutable releases and a quantized student.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for commands in (jobs, generate, data, curation, scores, answers, benches, students, service):
    commands.register(app)
app.add_typer(stores.app, name="store")
app.add_typer(releases.app, name="release")
app.add_typer(flows.app, name="flows")
app.add_typer(service.user_app, name="user")
app.add_typer(jobs.teacher_app, name="teacher")


def main() -> None:
    """Run a command and turn errors into one line and an exit status."""
    guard_interrupts()
    try:
        app()
    except TracewrightError as error:
        _fail(str(error), error)
    except KeyboardInterrupt:
        end_now()
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        hint = _OUT_OF_SPACE_HINT if error.errno == 28 else "mend the cause and run the same command again"
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}; {hint}", error)
    except Exception as error:  # noqa: BLE001 - the last place where a traceback can be kept from the user
        message = textwrap.shorten(str(error), _MAX_MESSAGE_CHARS, placeholder=" …")
        _fail(f"unexpected {type(error).__name__}: {message} (TRACEWRIGHT_DEBUG=1 shows where)", error)


def _fail(message: str, error: BaseException) -> None:
    if os.environ.get("TRACEWRIGHT_DEBUG"):
        raise error
    console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
