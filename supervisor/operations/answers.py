"""What the latest commands of the operator were answered with, so that a repeated one is done once. Pure."""

from collections.abc import Iterable
from typing import Final

from messages.operator import CommandAccepted, CommandFinished, CommandRefused, ToOperator
from supervisor.registry import Answer

ANSWERS_KEPT_MAX: Final = 256


class Answers:
    """By command id, the oldest first; the oldest give way.

    :param known: what an earlier incarnation of the supervisor has answered.
    """

    def __init__(self, known: Iterable[Answer] = ()) -> None:
        self._answers = {answer.command_id: answer for answer in known}

    def keep(self, answer: Answer) -> None:
        """Remember an answer; it replaces an earlier one to the same command."""
        self._answers.pop(answer.command_id, None)
        self._answers[answer.command_id] = answer
        while len(self._answers) > ANSWERS_KEPT_MAX:
            del self._answers[next(iter(self._answers))]

    def find(self, command_id: str) -> ToOperator | None:
        """The answer to a command that was answered before."""
        answer = self._answers.get(command_id)
        return None if answer is None else as_reply(answer)

    @property
    def all(self) -> tuple[Answer, ...]:
        return tuple(self._answers.values())


def as_reply(answer: Answer) -> ToOperator:
    """The message that says it."""
    if answer.outcome == "refused":
        return CommandRefused(answer.command_id, answer.text)
    if answer.outcome == "accepted":
        return CommandAccepted(answer.command_id, answer.text)
    return CommandFinished(answer.command_id, answer.outcome == "done", answer.text)
