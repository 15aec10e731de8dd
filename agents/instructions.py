"""An agent's instructions, and how an agent is asked.

Instructions are files in `agents/prompts/`, with a version that changes whenever the text does. What an agent studies
goes into the user turn, section by section; nothing from outside reaches the system turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TypeVar

from socratune.memory.errors import MalformedReply
from socratune.memory.records import Message
from socratune.tools.caller import Line
from socratune.tools.purse import Phase
from socratune.tools.reply_form import Form, NotInForm
from socratune.tools.sections import clean, section

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPrompt:
    """The instructions of one agent."""

    name: str
    version: int
    text: str

    @classmethod
    def load(cls, name: str) -> AgentPrompt:
        """Read `agents/prompts/NAME.md`, whose first line is `version: N`."""
        head, _, text = (files("socratune.agents") / "prompts" / f"{name}.md").read_text("utf-8").partition("\n")
        return cls(name=name, version=int(head.removeprefix("version:")), text=text.strip())

    @property
    def label(self) -> str:
        """`critic/1`: what critiques and candidates record."""
        return f"{self.name}/{self.version}"

    def render(self, **values: str) -> str:
        """Fill the `$name` placeholders. Raises `ValueError` when one is missing or has no place."""
        template = Template(self.text)
        wanted = set(template.get_identifiers())
        if wanted != set(values):
            raise ValueError(f"{self.label} has the placeholders {sorted(wanted)}, it was given {sorted(values)}")
        return template.substitute(values)

    def request(self, form: Form[object], body: Mapping[str, str]) -> tuple[Message, Message]:
        """Return the canonical messages: instructions with the form, then one section for each part of `body`."""
        return (
            Message(role="system", content=self.render(form=form.instructions)),
            Message(role="user", content="\n\n".join(section(name, text) for name, text in body.items())),
        )


async def ask(
    line: Line,
    prompt: AgentPrompt,
    form: Form[T],
    body: Mapping[str, str],
    *,
    attempt: int = 0,
    phase: Phase = "search",
) -> T:
    """Ask, and ask once more when the reply is not in the form.

    `attempt` tells a repeated proposal from the first, so that it gets a new answer. Raises `MalformedReply`.
    """
    messages: tuple[Message, ...] = prompt.request(form, body)
    prefix = len(messages[0].content)  # the instructions: all that this agent's requests have in common
    reply = await line.ask(messages, phase=phase, repeat=attempt, schema=form.schema, prefix=prefix)
    try:
        return form.parse(reply)
    except NotInForm as problem:
        complaint = f"Your reply could not be read: {problem}. Answer again.\n\n{form.instructions}"
        messages = (
            *messages,
            Message(role="assistant", content=clean(reply) or "(empty)"),
            Message(role="user", content=complaint),
        )
    repaired = await line.ask(messages, phase=phase, repeat=attempt, schema=form.schema, prefix=prefix)
    try:
        return form.parse(repaired)
    except NotInForm as problem:
        raise MalformedReply(prompt.name, str(problem), repaired) from problem
