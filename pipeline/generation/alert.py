"""Telling somebody that too much fails: a command with the alert on its stdin, or a post to a web address."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass, field
from typing import Any

from tracewright.pipeline.config import AlertConfig
from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.summary import summarize

_TIMEOUT_SECONDS = 10.0


@dataclass
class Alert:
    """Watches a run and raises the alert once, from a thread of its own: no engine waits for whoever is told."""

    config: AlertConfig
    store: str
    troubles: list[str] = field(default_factory=list[str])
    """Why the alert could not be delivered."""
    _thread: threading.Thread | None = None

    def watch(self, counts: GenerationCounts) -> None:
        """Look at the counts so far."""
        if self._thread is None and counts.results >= self.config.after and self._is_raised(counts):
            alert = {"alert": "generate.failed_share", "store": self.store, "limit": self.config.failed_share}
            self._thread = threading.Thread(target=self._send, args=({**alert, **summarize(counts)},), daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait until an alert that was raised is delivered."""
        if self._thread is not None:
            self._thread.join(2 * _TIMEOUT_SECONDS)

    @property
    def was_raised(self) -> bool:
        """Whether there was reason to."""
        return self._thread is not None

    def _is_raised(self, counts: GenerationCounts) -> bool:
        return counts.failed_share > self.config.failed_share

    def _send(self, alert: dict[str, Any]) -> None:
        trouble = send_alert(self.config, alert)
        if trouble is not None:
            self.troubles.append(trouble)


def send_alert(config: AlertConfig, alert: dict[str, Any]) -> str | None:
    """Deliver an alert; None, or why it could not be: a run goes on either way."""
    import httpx  # 90 ms, which only a run with an alert pays

    data = json.dumps(alert).encode()
    try:
        if config.webhook is not None:
            headers = {"Content-Type": "application/json"}
            answer = httpx.post(
                config.webhook, content=data, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False
            )
            return None if answer.is_success else f"{config.webhook} answered HTTP {answer.status_code}"
        ended = subprocess.run(
            list(config.command), input=data, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        return None if ended.returncode == 0 else f"{config.command[0]} ended with exit status {ended.returncode}"
    except (httpx.HTTPError, OSError, subprocess.SubprocessError) as error:
        return f"{config.webhook or config.command[0]}: {error}"
