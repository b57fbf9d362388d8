"""Callers who go on asking, and remember every answer."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAI

from tests.platform.installation import Installation, IssuedKey

# What a caller may meet while something is broken. Anything else is a defect.
EXCUSED = frozenset({"engine_unavailable", "engine_timeout", "service_unavailable"})


@dataclass
class Caller:
    """One thread that asks one region with one key until it is told to stop."""

    installation: Installation
    region: str
    key: IssuedKey
    answered_at: list[float] = field(default_factory=list)
    """`time.monotonic()` of each whole answer."""
    excused: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def answered(self) -> int:
        return len(self.answered_at)

    def answered_within(self, seconds: float, *, before: float) -> int:
        """How many answers came in so many seconds up to a moment."""
        return sum(before - seconds <= at <= before for at in self.answered_at)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(30)
        assert not self._thread.is_alive(), "a request hangs"

    def _run(self) -> None:
        client = self.installation.client(self.region, self.key.secret).with_options(timeout=20)
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                self._ask(client, f"{self.region} {number}", streaming=number % 3 == 0)
                self.answered_at.append(time.monotonic())
            except (APIConnectionError, APITimeoutError) as error:
                self.excused[type(error).__name__] += 1
                self._stop.wait(0.05)
            except APIStatusError as error:
                self._note(error, can_be_excused=error.status_code in {503, 504})
                self._stop.wait(0.05)
            except APIError as error:
                # The last event of a stream that broke off: it has no status.
                self._note(error, can_be_excused=True)
                self._stop.wait(0.05)
            except Exception as error:
                self.defects.append(repr(error))
                return

    def _note(self, error: APIError, *, can_be_excused: bool) -> None:
        code = str(error.code)
        if can_be_excused and code in EXCUSED:
            self.excused[code] += 1
        else:
            self.defects.append(f"{type(error).__name__} {code}")

    def _ask(self, client: OpenAI, text: str, *, streaming: bool) -> None:
        question: Any = {"role": "user", "content": text}
        if not streaming:
            answer = client.chat.completions.create(model="gpt-4o", messages=[question])
            said = answer.choices[0].message.content or ""
        else:
            stream = client.chat.completions.create(model="gpt-4o", messages=[question], stream=True)
            said = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert said.strip() == f"echo: {text}", "an answer to another question"
