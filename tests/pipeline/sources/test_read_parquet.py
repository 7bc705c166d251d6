"""Problems from Parquet files that nobody has checked."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.config import ColumnsConfig, ProblemsConfig
from tracewright.pipeline.decoding.limits import MAX_COLUMNS
from tracewright.pipeline.sources import count_problems, read_problems
from tracewright.schemas import InputError, Problem, Rejection


def write(folder: Path, table: pa.Table | dict[str, object], **settings: object) -> Path:
    path = folder / "problems.parquet"
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **settings)
    return path


def test_rows_become_problems_and_nulls_are_what_is_missing(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "id": [1, 2, None],
            "prompt": ["a", "b", "c"],
            "answer": ["x", None, "z"],
            "choices": [["k", "l"], None, []],
            "other": [{"deep": [1]}, None, None],
        },
    )
    rows = list(read_problems(ProblemsConfig(path=path)))
    assert [(row.id if row.id in "12" else "", row.question, row.answer) for row in rows] == [
        ("1", "a", "x"),
        ("2", "b", None),
        ("", "c", "z"),
    ]
    assert rows[0].choices == ("k", "l")
    assert count_problems(ProblemsConfig(path=path)) == 3


def test_a_row_without_a_prompt_is_a_rejection_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": ["a", None, "c"], "answer": [1.5, 2.0, float("nan")]})
    good, missing, not_a_number = read_problems(ProblemsConfig(path=path))
    assert good.answer == "1.5"
    assert isinstance(missing, Rejection)
    assert missing.subject == f"{path}:2"
    assert missing.reason.startswith("no `question` or `prompt`; the row has answer")
    assert missing.row == '{"answer": 2.0}'
    assert not_a_number.reason == "`answer` is a float, expected text or a number"


def test_binary_columns_are_not_text(tmp_path: Path) -> None:
    path = write(tmp_path, {"prompt": [b"a"]})
    (rejection,) = read_problems(ProblemsConfig(path=path))
    assert rejection.reason == "`prompt` is a bytes, expected text"


def test_a_text_that_is_not_utf8_is_one_rejection(tmp_path: Path) -> None:
    texts = pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())
    rows = list(read_problems(ProblemsConfig(path=write(tmp_path, {"prompt": texts}))))
    assert [type(row).__name__ for row in rows] == ["Problem", "Rejection", "Problem"]
    assert "can't be decoded" in rows[1].reason


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, {"Problem": ["q"], "Gold": ["1"], "prompt": ["not this"]})
    (problem,) = read_problems(ProblemsConfig(path=path, columns=ColumnsConfig(question="Problem", answer="Gold")))
    assert (problem.question, problem.answer) == ("q", "1")


def test_a_file_with_none_of_the_columns_names_those_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, {"instruction": ["q"], "output": ["1"]})
    with pytest.raises(InputError, match=r"has the columns instruction, output, expected some of id, question, prompt"):
        list(read_problems(ProblemsConfig(path=path)))


def test_a_damaged_page_costs_its_row_group_and_no_other(tmp_path: Path) -> None:
    prompts = [f"prompt {n} " + "x" * 50 for n in range(3_000)]
    path = write(tmp_path, {"prompt": prompts}, row_group_size=1_000, compression="zstd", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[middle : middle + 32] = bytes(32)
    path.write_bytes(content)
    rows = list(read_problems(ProblemsConfig(path=path)))
    problems = [row.question for row in rows if isinstance(row, Problem)]
    (rejection,) = [row for row in rows if isinstance(row, Rejection)]
    assert rejection.reason.startswith("rows ")
    assert len(problems) + rejection.numbers["rows"] == 3_000
    assert set(prompts[:1_000] + prompts[2_000:]) <= set(problems)


@pytest.mark.parametrize("content", [b"PAR1", b"not parquet at all", b"PAR1" + b"\xff" * 400 + b"PAR1"])
def test_what_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a Parquet file that can be read"):
        list(read_problems(ProblemsConfig(path=path)))


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, {"prompt": pa.array([], pa.string())})
    with pytest.raises(InputError, match="is empty"):
        list(read_problems(ProblemsConfig(path=path)))


def test_a_column_made_to_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, {"prompt": ["a" * 2**20] * 128}, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"column prompt of row group 0 expands from \d+ to \d+ bytes"):
        list(read_problems(ProblemsConfig(path=path)))


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {f"c{n}": [1] for n in range(MAX_COLUMNS + 1)})
    with pytest.raises(InputError, match=f"expected at most {MAX_COLUMNS}"):
        list(read_problems(ProblemsConfig(path=path)))


def test_deep_nesting_is_refused_where_the_column_is_read(tmp_path: Path) -> None:
    kind = pa.string()
    for _ in range(40):
        kind = pa.list_(kind)
    path = write(tmp_path, {"prompt": ["a"], "choices": pa.array([None], kind)})
    with pytest.raises(InputError, match="nested more than"):
        list(read_problems(ProblemsConfig(path=path)))
    (problem,) = read_problems(ProblemsConfig(path=path, columns=ColumnsConfig(choices="none")))
    assert problem.question == "a"


def test_gsm8k_comes_in_parquet_too(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": ["q"], "answer": ["so\n#### 1,000"]})
    (problem,) = read_problems(ProblemsConfig(path=path, format="gsm8k"))
    assert problem.answer == "1000"
