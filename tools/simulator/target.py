"""A simulated target: answers a row rightly when the prompt conveys what the row needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from socratune.memory.records import Example, Message
from socratune.tools.models import ANSWER, Reply, Request
from socratune.tools.price import Price
from socratune.tools.simulator.answers import wrong_answer
from socratune.tools.simulator.call_log import CallLog
from socratune.tools.simulator.chance import pick
from socratune.tools.simulator.own_rows import labelled
from socratune.tools.simulator.readings import canonical, inputs_text
from socratune.tools.simulator.rows import RowIndex, without
from socratune.tools.simulator.world import NOTHING, Worked, World
from socratune.tools.tokens import estimate

LONG = 20
"""Characters from which on an input cannot stand in a prompt by accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTarget:
    """A `LanguageModel` in a world laid over `examples`; the same request always gets the same reply.

    What is right for a row without a label, or with one that may be wrong, the world's own rows tell.
    """

    world: World
    examples: Sequence[Example]
    seed: int
    log: CallLog | None = None
    """Told of every answered call, as a provider's own records would be."""
    _rows: RowIndex = field(init=False, repr=False)
    _labels: tuple[str, ...] = field(init=False, repr=False)
    _taught: Callable[[tuple[Message, ...]], frozenset[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        examples = labelled(self.examples, self.world)
        object.__setattr__(self, "_rows", RowIndex.of(examples))
        object.__setattr__(self, "_labels", tuple(sorted({example.expected for example in examples})))
        object.__setattr__(self, "_taught", lru_cache(maxsize=1_024)(self._taught_by))

    @property
    def name(self) -> str:
        """The specification, `sim:WORLD`."""
        return f"sim:{self.world.name}"

    @property
    def price(self) -> Price:
        """What the world asks for it."""
        return self.world.file.prices.of("target")

    async def complete(self, request: Request) -> Reply:
        """Answer the row in the last user message; a row that is not known gets some label."""
        await asyncio.sleep(0)
        text = self._answer(request)
        tokens_in = sum(estimate(message.content) for message in request.messages)
        reply = Reply(text=text, stop_reason=ANSWER, tokens_in=tokens_in, tokens_out=estimate(text))
        if self.log is not None:
            self.log(request, reply)
        return reply

    def _answer(self, request: Request) -> str:
        asked = _last_user(request.messages)
        example = self._rows.find(request.messages[asked].content)
        if example is None:
            return pick(self._labels or ("unknown",), "unknown row", self.seed, request.messages[asked].content)
        text = _prompt_text(request.messages, example, asked)
        taught = self._taught(request.messages[:asked])
        if self.world.answers_rightly(text, example, seed=self.seed, repeat=request.repeat, taught=taught):
            return example.expected
        missing = () if self.world.file.churn else self.world.missing(text, example.inputs, taught=taught)
        key = f"{self.seed} {text} {inputs_text(example.inputs)} {request.repeat}"
        return wrong_answer(example.expected, missing, self._labels, key)

    def _taught_by(self, turns: tuple[Message, ...]) -> frozenset[str]:
        return self.world.taught(self._worked(turns)) if self.world.file.examples_teach else NOTHING

    def _worked(self, turns: tuple[Message, ...]) -> Iterator[Worked]:
        for question, answer in pairwise(turns):
            row = self._rows.find(question.content) if question.role == "user" else None
            if row is not None and answer.role == "assistant":
                yield row, answer.content


def _last_user(messages: Sequence[Message]) -> int:
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    return users[-1] if users else len(messages) - 1


def _prompt_text(messages: Sequence[Message], example: Example, asked: int) -> str:
    """Return the messages without the row.

    It is taken out of the one that asks; of the others, where a short value may stand by accident, only when long.
    """
    longest = max(example.inputs.values(), key=len)
    elsewhere = longest if len(longest) >= LONG else ""
    parts = [
        without(message.content, example.inputs.values() if index == asked else [elsewhere])
        for index, message in enumerate(messages)
    ]
    return canonical("\n\n".join(parts))
