"""What says nearly the same is together, and what differs in a number is not, in whatever order it comes."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.duplicates import DuplicateSettings, cluster_problems, cluster_texts

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "number_cases.json").read_text())
WORDS = [
    a + b for a in ("ba", "de", "ki", "lo", "mu", "ne", "pa", "ri", "so", "tu") for b in ("n", "st", "rk", "l", "m")
]


def draw_text(rng: random.Random, words: int) -> str:
    return " ".join(str(rng.randint(2, 99)) if rng.random() < 0.05 else rng.choice(WORDS) for _ in range(words))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_numbers_count(case: dict[str, Any]) -> None:
    first, second = cluster_problems([case["first"], case["second"]])
    assert (first == second) is case["same"]


def test_no_digit_only_variant_is_merged_also_not_through_a_third_text() -> None:
    rng = random.Random(3)
    texts = [draw_text(rng, 300) for _ in range(3)]
    variants = {re.sub(r"\d+", lambda _: str(rng.randint(2, 99)), text) for text in texts for _ in range(700)}
    bridges = [re.sub(r"\d+ ", "", text) for text in texts]
    found = cluster_texts([*sorted(variants), *bridges])
    assert len(set(found[: len(variants)])) == len(variants)


def test_copies_with_one_word_in_twenty_changed_are_found() -> None:
    rng = random.Random(4)
    texts = [draw_text(rng, 300) for _ in range(300)]
    copies = [" ".join(rng.choice(WORDS) if rng.random() < 0.05 else word for word in t.split()) for t in texts[:150]]
    found = cluster_texts(texts + copies)
    assert found[:300] == list(range(300))
    assert sum(found[300 + place] == place for place in range(150)) >= 149


def test_the_order_of_the_texts_does_not_matter() -> None:
    rng = random.Random(5)
    texts = [draw_text(rng, 60) for _ in range(100)]
    texts += [text + " " + rng.choice(WORDS) for text in texts] + [re.sub(r"\d+", "", text) for text in texts]
    places = list(range(len(texts)))
    rng.shuffle(places)
    straight, shuffled = cluster_texts(texts), cluster_texts([texts[place] for place in places])
    groups = [{i for i in range(len(texts)) if straight[i] == first} for first in set(straight)]
    mixed = [{places[i] for i in range(len(texts)) if shuffled[i] == first} for first in set(shuffled)]
    assert max(map(len, groups)) > 1
    assert sorted(map(sorted, groups)) == sorted(map(sorted, mixed))


def test_texts_of_different_groups_are_never_together_also_not_through_a_third() -> None:
    words = [WORDS[place] for place in range(40)]
    changed = [words.copy() for _ in range(3)]
    for place in (10, 20):
        changed[1][place] = changed[2][place] = "another"
    for place in (15, 25):
        changed[2][place] = "third"
    texts = [" ".join(text) for text in changed]
    assert cluster_texts(texts) == [0, 0, 0]
    assert cluster_texts(texts, groups=[b"a", b"b", b"a"]) == [0, 1, 2]
    assert cluster_texts([*texts, *texts], groups=[b"a"] * 3 + [b"b"] * 3) == [0, 0, 0, 3, 3, 3]


def test_texts_of_few_words_and_none() -> None:
    assert cluster_texts([]) == []
    assert cluster_texts(["", "a", "  ", "A.", "b", "1", "2"]) == [0, 1, 0, 1, 4, 5, 6]


def test_a_higher_limit_keeps_more_apart() -> None:
    texts = [
        "one two three red blue green yellow black white pink",
        "one two three red blue green yellow black white gold",
    ]
    assert cluster_texts(texts) == [0, 0]
    assert cluster_texts(texts, DuplicateSettings(min_similarity=0.9)) == [0, 1]


def test_gsm8k_train_holds_almost_no_duplicates() -> None:
    path = Path("../shared/data/gsm8k/train.jsonl")
    if not path.is_file():
        pytest.skip(f"needs {path}, which is not there")
    questions = [json.loads(line)["question"] for line in path.read_text().splitlines()]
    found = cluster_problems(questions)
    assert sum(place != first for place, first in enumerate(found)) < 10
