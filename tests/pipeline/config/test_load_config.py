"""Config files: what a run is told, and what a user is told about a file that is wrong."""

import json
from pathlib import Path

import pytest

from tracewright.pipeline.config import GenerateConfig, load_config
from tracewright.pipeline.config.loading import MAX_CONFIG_BYTES
from tracewright.schemas import ConfigError, MissingInputError, Sampling

CASES = json.loads(Path(__file__).with_name("fault_cases.json").read_text())
SHORT_FORM = """
problems: {path: problems.jsonl}          # rows: {"id": ...}
teacher: {engine: server, base_urls: ["http://127.0.0.1:8000/v1"], model: NAME, samples: 1, max_tokens: 256,
          logprobs: 0, max_in_flight: 256}
store: ./store                            # engine: server | vllm | embedded
"""


def load(folder: Path, text: str | bytes) -> GenerateConfig:
    path = folder / "generate.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(GenerateConfig, path)


def test_the_documented_short_form_loads(tmp_path: Path) -> None:
    config = load(tmp_path, SHORT_FORM)
    assert config.problems.path == tmp_path / "problems.jsonl"
    assert config.problems.file_format == "jsonl"
    assert config.store == tmp_path / "store"
    assert config.teacher.base_urls == ("http://127.0.0.1:8000/v1",)
    assert (config.teacher.samples, config.teacher.max_tokens, config.teacher.max_in_flight) == (1, 256, 256)


def test_paths_begin_at_the_config_file_wherever_the_command_runs(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "inside" / "run.yaml").write_text(SHORT_FORM.replace("problems.jsonl", "../data/p.jsonl"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load_config(GenerateConfig, Path("../inside/run.yaml"))
    assert config.problems.path == tmp_path / "data" / "p.jsonl"
    assert config.store == tmp_path / "inside" / "store"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("./weights", "{}/weights"), ("../weights", "{}/../weights"), ("org/name", "org/name"), ("here", "{}/here")],
)
def test_a_model_is_a_folder_where_it_looks_like_one_and_a_name_elsewhere(tmp_path: Path, given, expected) -> None:
    (tmp_path / "here").mkdir()
    config = load(tmp_path, SHORT_FORM.replace("NAME", given))
    wanted = str(Path(expected.format(tmp_path)).resolve()) if "{}" in expected else expected
    assert config.teacher.model == wanted


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_wrong_file_is_answered_with_each_fault_and_its_place_on_one_line(tmp_path: Path, case) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, case["yaml"])
    message = str(caught.value)
    assert "generate.yaml" in message
    assert "\n" not in message
    for expected in case["expected"]:
        assert expected in message


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 5 faults: \(1\).*\(5\)"):
        load(tmp_path, "problems: {path: 3}\nteacher: {engine: x, samples: 0, tp_p: 1}\n")


def test_a_missing_file_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"there is no config file .*absent\.yaml"):
        load_config(GenerateConfig, tmp_path / "absent.yaml")


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read as a config file"):
        load_config(GenerateConfig, tmp_path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is it a data file"):
        load(tmp_path, b"#" * (MAX_CONFIG_BYTES + 1))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not UTF-8 \(byte 7\)"):
        load(tmp_path, b"store: \xff\n")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeff" + SHORT_FORM.replace("\n", "\r\n")
    assert load(tmp_path, text) == load(tmp_path, SHORT_FORM)


def test_nesting_made_to_exhaust_the_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="levels deep"):
        load(tmp_path, "store: " + "[" * 50_000)


@pytest.mark.parametrize(
    ("written", "read"),
    [("1e-4", 1e-4), ("1.5", 1.5), ("0", 0.0), (".5", 0.5), ("010", 10.0), ("0x10", 16.0)],
)
def test_numbers_are_read_as_yaml_1_2_has_them(tmp_path: Path, written: str, read: float) -> None:
    config = load(tmp_path, SHORT_FORM.replace("samples: 1", f"temperature: {written}"))
    assert config.teacher.temperature == read


@pytest.mark.parametrize("word", ["no", "off", "2024-01-01", "1_000", "12:30"])
def test_words_that_older_yaml_converts_stay_text(tmp_path: Path, word: str) -> None:
    config = load(tmp_path, SHORT_FORM.replace("samples: 1", f"revision: {word}"))
    assert config.teacher.revision == word


def test_sampling_holds_what_changes_a_completion_and_no_limit(tmp_path: Path) -> None:
    config = load(tmp_path, SHORT_FORM.replace("samples: 1", "temperature: 0.5, top_k: 3, seed: 7, stop: [END]"))
    assert config.teacher.sampling == Sampling(temperature=0.5, top_k=3, seed=7, stop=("END",))


def test_a_config_is_frozen(tmp_path: Path) -> None:
    config = load(tmp_path, SHORT_FORM)
    with pytest.raises(ValueError, match="frozen"):
        config.store = tmp_path
