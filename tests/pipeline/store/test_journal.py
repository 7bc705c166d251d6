"""The journal gives back every record that it acknowledged, until the record is settled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.store import Journal, Store, TraceWriter
from tracewright.schemas import Attempt, StoreError, Trace

RECORDS = [{"text": "日本語 \ud83d half a character"}, {"n": 1.5, "list": [1, None, True]}, {}, {"text": "line\nbreak"}]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def test_records_come_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    numbers = [journal.append(record) for record in RECORDS]
    journal.close()
    assert list(Journal(tmp_path).replay()) == list(zip(numbers, RECORDS, strict=True))


def test_a_record_survives_a_process_that_never_closes(tmp_path: Path) -> None:
    Journal(tmp_path).append(RECORDS[1])
    assert [record for _, record in Journal(tmp_path).replay()] == [RECORDS[1]]


def test_infinite_numbers_survive(tmp_path: Path) -> None:
    Journal(tmp_path).append({"logprob": float("-inf")})
    assert [record for _, record in Journal(tmp_path).replay()] == [{"logprob": float("-inf")}]


def test_settled_records_are_not_replayed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    numbers = [journal.append({"n": n}) for n in range(5)]
    journal.close()
    later = Journal(tmp_path)
    later.settle([numbers[0], numbers[3]])
    assert [record["n"] for _, record in later.replay()] == [1, 2, 4]
    later.settle([numbers[1], numbers[2], numbers[4]])
    assert list(later.replay()) == []


def test_files_go_when_everything_in_them_is_settled(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, second = journal.append({}), journal.append({})
    journal.settle([first])
    assert len(files(tmp_path)) == 1
    journal.settle([second])
    assert files(tmp_path) == []
    third = journal.append({"n": 3})
    assert third > second
    assert len(files(tmp_path)) == 1


def test_a_long_run_keeps_no_file_that_is_settled(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    text = "x" * 2**20
    for _ in range(60):
        journal.settle([journal.append({"text": text})])
        held = journal.append({"text": text})
        journal.settle([held])
    assert sum(path.stat().st_size for path in files(tmp_path)) == 0
    kept = journal.append({"text": text})
    for _ in range(60):
        journal.settle([journal.append({"text": text})])
    (file,) = files(tmp_path)
    assert file.stat().st_size < 20 * 2**20
    journal.close()
    assert next(Journal(tmp_path).replay())[0] == kept


def test_records_appended_meanwhile_have_numbers_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"n": 0})
    journal.close()
    later = Journal(tmp_path)
    number = later.append({"n": 1})
    assert [record["n"] for _, record in later.replay()] == [0]
    later.settle([number])
    later.close()
    assert [record["n"] for _, record in Journal(tmp_path).replay()] == [0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_torn_end_costs_the_torn_record_alone(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    for record in RECORDS:
        journal.append(record)
    journal.close()
    (path,) = files(folder)
    whole = path.read_bytes()
    length = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:length] + data.draw(st.sampled_from([b"", b"\0" * 7, b"\xff\n"])))
    kept = whole[:length].count(b"\n")
    again = Journal(folder)
    assert [record for _, record in again.replay()] == RECORDS[:kept]
    number = again.append({"later": True})
    again.close()
    assert [record for _, record in Journal(folder).replay()] == [*RECORDS[:kept], {"later": True}]
    assert number >= kept


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_byte_costs_no_record_but_its_own(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    for n in range(4):
        journal.append({"n": n})
    journal.close()
    (path,) = files(folder)
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    read = [record["n"] for _, record in Journal(folder).replay()]
    assert read == sorted(set(read))
    assert len(read) >= 2


def test_the_writer_settles_what_it_has_stored(
    store: Store, plant_traces: Callable[..., list[Trace]], make_attempt: Callable[..., Attempt]
) -> None:
    first, second, third = plant_traces(3)
    with store.writer() as writer:
        writer.add_trace(first, writer.journal.append({"of": "first"}))
        writer.flush()
        assert files(journal_of(store)) == []
        kept = writer.journal.append({"of": "second"})
        writer.add_attempt(make_attempt(second), writer.journal.append({"of": "its attempt"}))
        writer.flush()
    with store.writer() as writer:
        # A file is replayed until all of it is settled; what is stored already is not stored again.
        assert [record["of"] for _, record in writer.journal.replay()] == ["second", "its attempt"]
        assert not writer.add_attempt(make_attempt(second), kept + 1)
        writer.add_trace(second, kept)
        writer.add_trace(third, writer.journal.append({"of": "third"}))
        writer.add_trace(third, writer.journal.append({"of": "third, again"}))
    assert files(journal_of(store)) == []
    assert len(store.trace_ids()) == 3


def test_a_record_of_a_row_that_is_stored_already_is_settled_at_once(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    (trace,) = plant_traces(1)
    with store.writer() as writer:
        writer.add_trace(trace)
    with store.writer() as writer:
        assert not writer.add_trace(trace, writer.journal.append({}))
        assert files(journal_of(store)) == []


def test_a_run_that_fails_keeps_its_records(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    (trace,) = plant_traces(1)

    def fail(writer: TraceWriter) -> None:
        writer.add_trace(trace, writer.journal.append({"n": 1}))
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="full"), store.writer() as writer:
        fail(writer)
    with store.writer() as writer:
        assert [record for _, record in writer.journal.replay()] == [{"n": 1}]


def journal_of(store: Store) -> Path:
    return store.path / "journal" / "main"
