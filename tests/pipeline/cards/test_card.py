"""Every number on a card is one that the data gives, and nothing in the data can break the card."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tracewright.pipeline.cards import draw_pictures, find_limits, render_card
from tracewright.pipeline.cards.limits import share
from tracewright.pipeline.confidence.metrics import auroc, brier_score, expected_calibration_error
from tracewright.pipeline.curate import ExactDuplicates, NoFailedStep, Outcomes, curate
from tracewright.pipeline.release import create_release, open_release, verify_release
from tracewright.pipeline.release.manifest import read_manifest
from tracewright.pipeline.store import Store
from tracewright.schemas import CalibrationFigures, IntegrityError, ReleaseManifest, StageCount, Trace

MakeTrace = Callable[..., Trace]
HOSTILE: list[str] = json.loads((Path(__file__).parent / "hostile.json").read_text(encoding="utf-8"))
PICTURES = ("calibration", "confidence", "funnel", "lengths", "origins")
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, link_store: Callable[[Path], Store]) -> Path:
    """A release whose every section has something to say."""
    folder = tmp_path_factory.mktemp("card")
    store = link_store(folder / "store")
    curate(store, [Outcomes(keep=("correct", "incorrect")), ExactDuplicates()], name="all")
    create_release(store, folder / "sums", name="sums", slice="all", where="level <= 3")
    return folder / "sums"


@pytest.fixture(scope="module")
def card(released: Path) -> str:
    return (released / "README.md").read_text(encoding="utf-8")


def body(card: str) -> str:
    return card.split("---\n", 2)[2]


def tables(card: str) -> dict[str, list[list[str]]]:
    """The rows of each table as plain text, by the heading of its first column."""
    tokens = MARKDOWN.parse(body(card))
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(plain(tokens[index + 1]))
        elif token.type == "table_close":
            found[rows[0][0]] = rows[1:]
    return found


def plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [])


def counts(rows: list[list[str]]) -> dict[str, int]:
    return {row[0]: int(row[1].replace(",", "")) for row in rows}


def rows_of(released: Path) -> list[dict[str, Any]]:
    release = open_release(released)
    return [row for split in release.splits for row in release.iter_rows(split)]


def test_tables_count_the_data(released: Path, card: str) -> None:
    rows = rows_of(released)
    found = tables(card)
    for heading, column in {
        **{"outcome": "outcome", "decided by": "method", "source": "source"},
        **{"licence": "license", "domain": "domain", "level": "level"},
    }.items():
        assert counts(found[heading]) == Counter(str(row[column]) for row in rows), heading
    checks = Counter(step["check"] for row in rows for step in row["steps"])
    assert counts(found["check"]) == {"holds": 0, "fails": 0, "unchecked": 0, **checks}
    assert counts(found["split"]) == {
        split: open_release(released).table(split).num_rows for split in ("train", "test")
    }
    assert {row[0]: row[-1] for row in found["model"]} == {
        model: f"{count:,}" for model, count in Counter(row["model"] for row in rows).items()
    }
    for heading in ("outcome", "check", "split"):
        total = sum(counts(found[heading]).values())
        for row in found[heading]:
            assert row[2] == f"{100 * int(row[1].replace(',', '')) / total:.1f} %"


def test_columns_are_the_datas(released: Path, card: str) -> None:
    assert [row[0] for row in tables(card)["column"]] == open_release(released).table("train").column_names
    assert all(len(row[1]) > 10 for row in tables(card)["column"])


def test_teachers_and_sampling_are_stated(card: str, arithmetic_traces: tuple[Trace, ...]) -> None:
    teachers = {trace.teacher.model: trace.teacher for trace in arithmetic_traces}
    for model, revision, precision, *sampling, seed, _ in tables(card)["model"]:
        teacher = teachers[model]
        assert (revision, precision, int(seed)) == (teacher.revision, teacher.dtype, teacher.sampling.seed)
        assert [float(number) for number in sampling] == [
            *(teacher.sampling.temperature, teacher.sampling.top_p, teacher.sampling.top_k, teacher.sampling.min_p)
        ]


def test_the_funnel_goes_from_what_was_read_to_the_rows(
    released: Path, card: str, arithmetic_traces: tuple[Trace, ...]
) -> None:
    funnel = [(row[0], int(row[1].replace(",", "")), int(row[2].replace(",", ""))) for row in tables(card)["stage"]]
    traces = len(arithmetic_traces)
    distinct = len({(trace.problem.question, trace.text) for trace in arithmetic_traces})
    rows = len(rows_of(released))
    assert funnel == [
        ("problems", traces + 3, traces + 2),
        ("generate", traces + 2, traces),
        ("outcomes", traces, traces),
        ("exact_duplicates", traces, distinct),
        ("where", distinct, rows),
        ("release", rows, rows),
    ]
    assert distinct < traces
    assert tables(card)["stage"][1][3] == "1 × failed, 1 × truncated"


def test_every_number_in_a_sentence_comes_from_the_data(
    released: Path, card: str, arithmetic_traces: tuple[Trace, ...]
) -> None:
    text = re.sub(r"```.*?```", "", body(card), flags=re.DOTALL)
    text = re.sub(r"(?m)^\|.*\|$", "", text)
    text = re.sub(r"`[^`]*`", "", text)
    allowed = set(numbers_of(released, arithmetic_traces))
    said = re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)
    assert len(said) > 20
    assert [number for number in said if number not in allowed] == []


def numbers_of(released: Path, traces: tuple[Trace, ...]) -> Iterator[str]:
    """All that a sentence may say, computed from the rows, the traces and the request alone."""
    rows = rows_of(released)
    steps = [step for row in rows for step in row["steps"]]
    checks = Counter(step["check"] for step in steps)
    outcomes = Counter(row["outcome"] for row in rows)
    failed = sum(any(step["check"] == "fails" for step in row["steps"]) for row in rows)
    test = open_release(released).table("test").num_rows
    shares = [(outcomes[name], len(rows)) for name in ("correct", "incorrect")]
    for part, whole in (*shares, (failed, len(rows)), (checks["unchecked"], len(steps))):
        yield f"{part:,}"
        yield f"{100 * part / whole:.1f}"
    for count in (len(rows), len({row["problem_id"] for row in rows}), sum(row["tokens"] for row in rows), len(steps)):
        yield f"{count:,}"
    yield f"{test:,}"
    yield from figures_of(traces)
    store_version = read_manifest(released).store_version
    yield from ("1", str(store_version), "0", "0.1", "0.1.0")
    created = read_manifest(released).created_at
    yield from re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", created.isoformat())


def figures_of(traces: tuple[Trace, ...]) -> Iterator[str]:
    from tracewright.pipeline.confidence import step_truth

    pairs = [
        (step.confidence, truth)
        for trace in traces
        for step, truth in zip(trace.steps, step_truth(trace.steps, trace.verdict.outcome), strict=True)
        if truth is not None
    ]
    values, rights = [value or 0.0 for value, _ in pairs], [bool(truth) for _, truth in pairs]
    yield f"{len(pairs):,}"
    yield str(round(100 * (1 - sum(rights) / len(rights)), 2))
    for figure in (auroc(values, rights), expected_calibration_error(values, rights), brier_score(values, rights)):
        yield f"{figure:.3f}"


def test_a_row_and_the_curation_are_shown_as_they_are(released: Path, card: str) -> None:
    prompt, completion, settings = [
        token for token in MARKDOWN.parse(body(card)) if token.type == "fence" and token.info == "text"
    ]
    lowest = min(rows_of(released), key=lambda row: row["trace_id"])
    assert (prompt.content, completion.content) == (lowest["prompt"] + "\n", lowest["completion"] + "\n")
    kinds = [stage["kind"] for stage in yaml.safe_load(settings.content)]
    assert kinds == ["outcomes", "exact_duplicates"]


def test_a_slices_own_filter_is_stated_and_long_lines_are_broken(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace("How many " + "apples and " * 20 + "pears?", ["so  it is\n", "x" * 150]))
    curate(store, [ExactDuplicates()], name="right", where='outcome == "correct"')
    create_release(store, tmp_path / "out", name="right", slice="right", pictures=False)
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    prompt, completion, settings = [
        token.content for token in MARKDOWN.parse(body(card)) if token.type == "fence" and token.info == "text"
    ]
    assert max(map(len, prompt.splitlines())) <= 100
    assert " ".join(prompt.split()) == "How many " + "apples and " * 20 + "pears?"
    assert completion == "so  it is\n" + "x" * 150 + "\n"
    stages = yaml.safe_load(settings)
    assert stages[0] == {"kind": "where", "where": 'outcome == "correct"'}
    assert [stage["kind"] for stage in stages] == ["where", "exact_duplicates"]


def test_pictures_are_files_of_the_release_that_the_card_shows(released: Path, card: str) -> None:
    listed = {file.path: file for file in read_manifest(released).files if file.path.startswith("pictures/")}
    images = [
        child.attrs["src"]
        for token in MARKDOWN.parse(body(card))
        for child in token.children or []
        if child.type == "image"
    ]
    assert sorted(images) == sorted(listed) == [f"pictures/{name}.png" for name in PICTURES]
    assert all((released / path).read_bytes()[1:4] == b"PNG" for path in images)
    (released / images[0]).rename(released.parent / "moved.png")
    with pytest.raises(IntegrityError, match=r"pictures/.*png: missing"):
        verify_release(released)
    (released.parent / "moved.png").rename(released / images[0])


def test_the_same_manifest_gives_the_same_pictures(released: Path) -> None:
    drawn = draw_pictures(read_manifest(released))
    assert drawn == draw_pictures(read_manifest(released))
    assert all((released / path).read_bytes() == picture for path, picture in drawn.items())


def test_histograms_count_the_rows(released: Path) -> None:
    manifest, rows = read_manifest(released), rows_of(released)
    counted = {name: sum(histogram.counts) for name, histogram in manifest.histograms.items()}
    assert counted == {"tokens": len(rows), "steps": len(rows), **manifest.checks}
    steps = manifest.histograms["steps"]
    lengths = Counter(len(row["steps"]) for row in rows)
    assert {edge: count for edge, count in zip(steps.edges, steps.counts, strict=False) if count} == lengths


def test_a_release_can_go_without_pictures(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace())
    create_release(store, tmp_path / "out", name="plain", pictures=False)
    assert not (tmp_path / "out/pictures").exists()
    assert "![" not in (tmp_path / "out/README.md").read_text()


def test_the_hub_reads_the_header(released: Path) -> None:
    data = DatasetCard.load(released / "README.md").data.to_dict()
    rows = len(rows_of(released))
    assert data["license"] == ["apache-2.0", "mit"]
    assert data["language"] == ["en"]
    assert data["size_categories"] == ["n<1K" if rows < 1000 else "1K<n<10K"]
    assert "reasoning" in data["tags"]
    (config,) = data["configs"]
    assert config["data_files"] == [
        {"split": split, "path": f"data/{split}-*.parquet"} for split in read_manifest(released).splits
    ]


def test_croissant_is_valid_and_leads_to_the_rows(released: Path) -> None:
    described = mlcroissant.Dataset(jsonld=released / "croissant.json")
    assert not described.metadata.issues.errors
    assert not described.metadata.issues.warnings
    expected = list(open_release(released).iter_rows("test"))
    read = list(described.records(record_set="test"))
    assert [row["test/trace_id"].decode() for row in read] == [row["trace_id"] for row in expected]
    first = read[0]
    assert [step["test/steps/span.end"] for step in first["test/steps"]] == [
        step["span"]["end"] for step in expected[0]["steps"]
    ]
    assert first["test/messages"][1]["test/messages/content"].decode() == expected[0]["completion"]


def test_croissant_names_every_file_with_its_hash(released: Path) -> None:
    described = json.loads((released / "croissant.json").read_text())
    files = {part["contentUrl"]: part for part in described["distribution"] if part["@type"] == "cr:FileObject"}
    listed = {file.path: file for file in read_manifest(released).files if file.path.startswith("data/")}
    assert {path: (part["sha256"], part["contentSize"]) for path, part in files.items()} == {
        path: (file.sha256, f"{file.bytes} B") for path, file in listed.items()
    }


def make_hostile(manifest: ReleaseManifest, text: str) -> ReleaseManifest:
    """The manifest with the text wherever text from outside can stand."""
    teacher = manifest.teachers[0].teacher.model_copy(
        update={"model": text, "revision": text, "dtype": text, "quantization": text}
    )
    stage = StageCount(stage=text, rows_in=3, rows_out=2, reasons={text: 1})
    return manifest.model_copy(
        update={
            "prompt_example": text,
            "where": text,
            "slice": text,
            "calibration": None,
            "calibration_reason": text,
            "teachers": (manifest.teachers[0].model_copy(update={"teacher": teacher}),),
            "funnel": (stage,),
            "verifier_versions": (text,),
            **{name: {text: 5} for name in ("outcomes", "methods", "levels", "domains", "sources", "licenses")},
        }
    )


def outline(card: str) -> list[tuple[str, str]]:
    """The card's blocks without what stands in code, so that cards of one shape have one outline."""
    blocks: list[tuple[str, str]] = []
    for token in MARKDOWN.parse(body(card)):
        parts = [
            "<code>" if child.type == "code_inline" else child.type + child.content for child in token.children or []
        ]
        blocks.append((token.type, "".join(parts)))
    return blocks


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_leaves_the_card_whole(released: Path, text: str) -> None:
    manifest = read_manifest(released)
    card = render_card(make_hostile(manifest, text))
    harmless = render_card(make_hostile(manifest, "harmless" if text.strip() else text))
    assert outline(card) == outline(harmless)
    assert not [token for token in MARKDOWN.parse(body(card)) if token.type == "html_block"]
    header, harmless_header = (DatasetCard(part).data.to_dict() for part in (card, harmless))
    assert header == harmless_header
    assert yaml.safe_load(card.split("---\n")[1])["license"] == ["other"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_survives_a_release(tmp_path: Path, make_trace: MakeTrace, text: str) -> None:
    store = Store.open(tmp_path / "store", create=True)
    trace = make_trace(f"Q: {text}", [text, text], prompt=text, source=text, domain=text, license=text, model=text)
    with store.writer() as writer:
        writer.add_trace(trace)
    create_release(store, tmp_path / "out", name="hostile")
    DatasetCard.load(tmp_path / "out/README.md")
    assert not mlcroissant.Dataset(jsonld=tmp_path / "out/croissant.json").metadata.issues.errors
    release = open_release(tmp_path / "out")
    (row,) = release.iter_rows(release.splits[0])
    assert (row["prompt"], row["source"], row["license"]) == (text, text, text)


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 9_999, "0.0 %"), (1, 9_999, "<0.1 %"), (9_998, 9_999, ">99.9 %"), (9_999, 9_999, "100.0 %"), (0, 0, "0.0 %")],
)
def test_only_none_and_all_are_said_to_be_so(part: int, whole: int, said: str) -> None:
    assert share(part, whole) == said


def test_limits_follow_the_figures(released: Path) -> None:
    manifest = read_manifest(released)
    changes: dict[str, dict[str, Any]] = {
        "wrong answer": {"outcomes": {"correct": manifest.rows}},
        "fails its check": {"rows_with_failed_step": 0},
        "make no claim": {"checks": {"holds": 10, "fails": 0, "unchecked": 0}},
        "No stage removed": {"funnel": (StageCount(stage="exact_duplicates", rows_in=1, rows_out=1),)},
        "No person has reviewed": {"review_watermark": 4},
        "one domain": {"domains": {"algebra": 1, "geometry": 1}},
        "too few to measure": {"splits": {"train": 300, "test": 300}},
    }
    manifest = manifest.model_copy(update={"funnel": ()})
    said = " ".join(find_limits(manifest))
    for sentence, change in changes.items():
        assert sentence in said
        assert sentence not in " ".join(find_limits(manifest.model_copy(update=change)))
    share = manifest.teachers[0]
    imported = share.model_copy(update={"teacher": share.teacher.model_copy(update={"template_hash": "unknown"})})
    assert "not on record" not in said
    said = " ".join(find_limits(manifest.model_copy(update={"teachers": (imported,)})))
    assert f"the teachers of {share.traces:,} traces were prompted and sampled is not on record" in said
    card = render_card(manifest.model_copy(update={"teachers": (imported,)}))
    assert tables(card)["author"] == [[f"{share.teacher.model}, {share.teacher.revision}", f"{share.traces:,}"]]
    assert "model" not in tables(card)
    people = share.model_copy(update={"teacher": imported.teacher.model_copy(update={"model": "human"})})
    manifest = manifest.model_copy(update={"teachers": (people,)})
    assert tables(render_card(manifest))["author"] == [["people", f"{share.traces:,}"]]
    assert "habits" not in " ".join(find_limits(manifest))
    poor = CalibrationFigures(version="1", steps=99, wrong_share=0.5, auroc=0.61, ece=0.21, brier=0.3)
    said = " ".join(find_limits(manifest.model_copy(update={"calibration": poor})))
    assert "AUROC 0.610" in said
    assert "0.210 on average" in said


def test_right_and_stepwise_checked_rows_have_no_limit_about_mistakes(
    tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in arithmetic_traces[:60]:
            writer.add_trace(trace)
    curate(store, [Outcomes(), NoFailedStep(), ExactDuplicates()], name="good")
    limits = " ".join(find_limits(create_release(store, tmp_path / "out", name="good", slice="good")))
    assert "wrong answer" not in limits
    assert "fails its check" not in limits
    assert "Only exact duplicates" in limits
