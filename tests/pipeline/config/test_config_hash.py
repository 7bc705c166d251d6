"""The hash of a config is part of what it produced."""

from pathlib import Path

from tracewright.pipeline.config import GenerateConfig, config_hash, parse_config

TEXT = "problems: {path: data/p.jsonl}\nteacher: {engine: vllm, model: ./weights}\nstore: ../store\n"


def parse(text: str, folder: Path = Path("/a/project")) -> GenerateConfig:
    return parse_config(GenerateConfig, text, name="run.yaml", folder=folder)


def test_the_same_settings_hash_the_same_however_they_are_written() -> None:
    rewritten = "# a comment\nstore: '../store'\nteacher:\n  model: ./weights\n  engine: vllm\n  samples: 1\n"
    rewritten += 'problems:\n  path: "data/p.jsonl"\n'
    assert config_hash(parse(TEXT)) == config_hash(parse(rewritten))


def test_every_setting_changes_the_hash() -> None:
    changed = [
        TEXT.replace("p.jsonl", "q.jsonl"),
        TEXT.replace("vllm,", "vllm, seed: 1,"),
        TEXT.replace("vllm,", "vllm, engine_args: {dtype: float32},"),
        TEXT.replace("../store", "store"),
        TEXT,
    ]
    assert len({config_hash(parse(text)) for text in changed}) == len(changed)


def test_a_moved_project_keeps_its_hash_where_paths_count_from_its_folder() -> None:
    here, there = Path("/a/project"), Path("/b/c/project")
    assert config_hash(parse(TEXT, here), here) == config_hash(parse(TEXT, there), there)
    assert config_hash(parse(TEXT, here)) != config_hash(parse(TEXT, there))
