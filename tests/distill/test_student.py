"""A student's shape from its share, and the model of that shape."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import AutoConfig, LlamaConfig, Qwen2Config, Qwen3Config

from tracewright.distill.config import MAX_SHARE, MIN_SHARE, StudentShape
from tracewright.distill.student import build_student, check_head, choose_shape, count_parameters, derive_config
from tracewright.pipeline.engines import embedded
from tracewright.schemas import InputError

SMALL: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
CONFIGS = (LlamaConfig(**SMALL), Qwen2Config(**SMALL), Qwen3Config(**SMALL, head_dim=32))


@pytest.fixture(scope="module")
def teacher_config() -> Any:
    return AutoConfig.from_pretrained(embedded.checkpoint_path())


@pytest.mark.parametrize("share", [0.035, 0.04, 0.045, 0.05, 0.055, 0.06, 0.065, 0.07, 0.072])
def test_the_preset_reaches_every_share_of_the_embedded_teacher(teacher_config: Any, share: float) -> None:
    shape = choose_shape(teacher_config, share)
    reached = count_parameters(derive_config(teacher_config, shape)) / count_parameters(teacher_config)
    assert MIN_SHARE <= reached <= MAX_SHARE
    assert reached == pytest.approx(share, rel=0.08)
    assert shape.hidden_size % 32 == 0 and shape.intermediate_size % 64 == 0


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_the_shape_counts_what_the_model_has(config: Any) -> None:
    shape = choose_shape(config, 0.06)
    student = build_student(config, shape, seed=0)
    parameters = sum(parameter.numel() for parameter in student.parameters())
    assert parameters == count_parameters(derive_config(config, shape))
    assert parameters / count_parameters(config) == pytest.approx(0.06, rel=0.08)
    assert student(input_ids=torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 50)


def test_a_share_that_no_shape_has_is_refused_with_the_nearest(teacher_config: Any) -> None:
    with pytest.raises(InputError, match=r"no student has 0\.10%.*the nearest shape has \d\.\d\d%.*give the student's"):
        choose_shape(teacher_config, 0.001)


def test_the_student_keeps_the_teachers_heads_and_vocabulary(teacher_config: Any) -> None:
    config = derive_config(teacher_config, StudentShape(layers=3, hidden_size=96, intermediate_size=128))
    assert (config.head_dim, config.num_attention_heads, config.num_key_value_heads) == (32, 3, 3)
    assert (config.vocab_size, config.eos_token_id) == (teacher_config.vocab_size, teacher_config.eos_token_id)
    assert teacher_config.num_hidden_layers == 4


def test_the_seed_decides_every_weight(teacher_config: Any) -> None:
    shape = StudentShape(layers=1, hidden_size=32, intermediate_size=64)
    first, same, other = (build_student(teacher_config, shape, seed) for seed in (5, 5, 6))
    for name, value in first.named_parameters():
        assert torch.equal(value, same.get_parameter(name))
    assert not torch.equal(first.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_a_kind_of_model_that_changes_its_logits_is_refused(teacher_config: Any) -> None:
    check_head(teacher_config)
    changed = copy.deepcopy(teacher_config)
    changed.final_logit_softcapping = 30.0
    with pytest.raises(InputError, match="changes its logits by final_logit_softcapping"):
        check_head(changed)
