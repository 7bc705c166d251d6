"""The table at the end of a run."""

import io

from rich.console import Console

from tracewright.pipeline.report import terminal_table


def show(data, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(terminal_table(data))
    return console.file.getvalue()


def test_the_table_has_the_reports_numbers(whole):
    text = show(whole)
    for words in ("6,000", "5,400", "90.0 % of the traces", "3 min 33 s", "AUROC", "ECE", "greedy", "1,249,920"):
        assert words in text, words
    assert "96 / 92 / 88 / 84 / 80 % with 1 / 2 / 3 / 4 / 5 operators" in " ".join(text.split())


def test_a_run_of_which_nothing_is_known_has_a_table(empty):
    assert "—" in show(empty)


def test_text_is_never_read_as_markup(whole):
    from dataclasses import replace

    text = show(
        replace(whole, title="[red]x[/red] [link=file:///etc]y[/link]", confidence=None, confidence_reason="[b]")
    )
    assert "[red]x[/red] [link=file:///etc]y[/link]" in text and "[b]" in text


def test_the_table_fits_eighty_columns(whole):
    assert max(map(len, show(whole, 80).splitlines())) <= 80
