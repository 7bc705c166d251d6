"""One run of `bench overhead`: `bare` or `tracewright`, and a config. Prints its CPU seconds and when it ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path


async def ask_bare(config: dict, folder: Path) -> int:
    """Post every problem, with so many in flight, and parse every answer."""
    import aiohttp
    import orjson

    teacher = config["teacher"]
    url = teacher["base_urls"][0] + "/chat/completions"
    rows = (json.loads(line) for line in (folder / config["problems"]["path"]).open())
    finished = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=teacher["max_in_flight"])) as session:

        async def work() -> None:
            nonlocal finished
            for row in rows:
                body = {
                    "model": teacher["model"],
                    "messages": [{"role": "user", "content": row["question"]}],
                    "max_tokens": teacher["max_tokens"],
                    "seed": int(row["id"]),
                }
                async with session.post(
                    url, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
                ) as answer:
                    finished += orjson.loads(await answer.read())["usage"]["completion_tokens"] > 0

        await asyncio.gather(*(work() for _ in range(teacher["max_in_flight"])))
    return finished


def run_tracewright(path: Path) -> int:
    """What `tracewright generate` does, without Prefect."""
    from tracewright.pipeline.config import GenerateConfig, load_config
    from tracewright.pipeline.engines.teachers import RunningTeacher
    from tracewright.pipeline.generation import run_config
    from tracewright.pipeline.store import Store

    config = load_config(GenerateConfig, path)
    with RunningTeacher(config.teacher, config.store / "logs" / "engine.log") as teacher:
        return run_config(config, Store.open(config.store, create=True), teacher, lambda counts: None).traces


def main() -> None:
    """See the module."""
    client, path = sys.argv[1], Path(sys.argv[2])
    config = json.loads(path.read_text())
    finished = asyncio.run(ask_bare(config, path.parent)) if client == "bare" else run_tracewright(path)
    ended = time.time()
    wanted = sum(1 for _ in (path.parent / config["problems"]["path"]).open())
    assert finished == wanted, f"{finished} rows of {wanted}"
    print(time.process_time() + sum(os.times()[2:4]), ended)


if __name__ == "__main__":
    main()
