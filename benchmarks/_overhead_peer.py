"""One run of a peer of `bench overhead`: `curator` or `distilabel`, a file of problems, the server's address, a folder.

Runs in the peer's own environment, with 256 requests in flight and its cache in the folder. Prints the seconds from the
first call to the last row and the CPU seconds. Curator counts tokens with an encoding that it downloads: here every
four characters are one, which is faster.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path


def run_curator(rows: list[dict], url: str, folder: str) -> int:
    """bespokelabs-curator's LLM over a data set."""
    os.environ |= {"CURATOR_CACHE_DIR": folder, "OPENAI_API_KEY": "none", "TELEMETRY_ENABLED": "false"}
    import tiktoken

    class Characters:
        def encode(self, text: str, **_: object) -> list[int]:
            return [0] * (len(text) // 4)

    tiktoken.get_encoding = lambda name: Characters()
    tiktoken.encoding_for_model = lambda name: Characters()
    from bespokelabs import curator
    from datasets import Dataset

    class Answers(curator.LLM):
        def prompt(self, row: dict) -> str:
            return row["question"]

        def parse(self, row: dict, response: str) -> dict:
            return {"id": row["id"], "text": response}

    settings = {
        "base_url": url,
        "api_key": "none",
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "max_concurrent_requests": 256,
    }
    llm = Answers("mock", backend="openai", backend_params=settings, generation_params={"max_tokens": 1024})
    answered = llm(Dataset.from_list(rows))
    return len(getattr(answered, "dataset", answered))


def run_distilabel(rows: list[dict], url: str, folder: str) -> int:
    """distilabel's TextGeneration in a pipeline of two steps."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with Pipeline(name="overhead", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": row["question"]} for row in rows], batch_size=256)
        llm = OpenAILLM(model="mock", base_url=url, api_key="none", generation_kwargs={"max_new_tokens": 1024})
        load >> TextGeneration(llm=llm, input_batch_size=256)
    return len(pipeline.run(use_cache=False)["default"]["train"])


if __name__ == "__main__":
    name, path, address, cache = sys.argv[1:]
    problems = [json.loads(line) for line in Path(path).read_text().splitlines()]
    began = time.time()
    finished = {"curator": run_curator, "distilabel": run_distilabel}[name](problems, address, cache)
    assert finished == len(problems), f"{finished} rows of {len(problems)}"
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("measured", time.time() - began, sum(one.ru_utime + one.ru_stime for one in used))
