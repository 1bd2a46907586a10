"""Threads that run one at a time, and hand what they have in common to one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Turns(Generic[Asked, Answer]):
    """A thread of `members` runs inside `taking_part`, and waits for the others in `meet`.

    Process-wide state (torch's generators) may change in `meet` and nowhere else, for one alone
    runs at a time. Once all that are left wait, the latest of them serves them all. One that has
    ended, well or not, is not waited for any more.
    """

    def __init__(self, members: int, serve: Callable[[Sequence[Asked]], Sequence[Answer]]) -> None:
        """serve: what all that wait have asked, in any order -> their answers, in that order."""
        self._left, self._serve = members, serve
        self._changed, self._busy = threading.Condition(), False
        self._waiting: list[_Question] = []

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """All that a thread does, once: its turn comes when no other one runs."""
        self._begin(lambda: True)
        try:
            yield
        finally:
            self._left -= 1
            self._serve_all()
            self._rest()

    def meet(self, asked: Asked) -> Answer:
        """Wait for all the others, and for the turn after that.

        Raises RuntimeError, from what `serve` raised.
        """
        question = _Question(asked)
        self._waiting.append(question)
        self._serve_all()
        if not question.done:
            self._rest()
            self._begin(lambda: question.done)
        if question.error is not None:
            raise RuntimeError(f"what runtime.members computes together: {question.error}") from (
                question.error
            )
        answer: Answer = question.answer
        return answer

    def _serve_all(self) -> None:
        if not self._waiting or len(self._waiting) < self._left:
            return
        questions, self._waiting = self._waiting, []
        try:
            answers = self._serve([question.asked for question in questions])
            for question, answer in zip(questions, answers, strict=True):
                question.answer = answer
        except Exception as error:
            for question in questions:
                question.error = error
        for question in questions:
            question.done = True

    def _begin(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and ready())
            self._busy = True

    def _rest(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()


class _Question:
    def __init__(self, asked: Any) -> None:
        self.asked, self.done = asked, False
        self.answer: Any = None
        self.error: Exception | None = None
