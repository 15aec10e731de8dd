"""A prompt in the forms of other tools: plain text, JSON, Promptfoo and LangChain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt, Task
from socratune.tools.exported import Exported, Writer, turns
from socratune.tools.promptfoo.export import as_promptfoo
from socratune.tools.template import write

_ROLES = {"system": "system", "user": "human", "assistant": "ai"}
_NOT_IN_FIELDS = re.compile(r"[.\[\]{}:!]")


def as_text(task: Task, prompt: Prompt, examples: Sequence[Example]) -> Exported:
    """Return the prompt: one that is a system text alone as it is, else its messages, with headings for several."""
    if prompt.user is None and not prompt.demos and prompt.system is not None:
        return Exported(text=prompt.system + "\n")  # what the row adds is no part of the prompt
    said = [turn for turn, _ in turns(task, prompt)]
    if len(said) == 1:
        return Exported(text=said[0].content + "\n")
    return Exported(text="\n".join(f"--- {turn.role} ---\n{turn.content}\n" for turn in said))


def as_json(task: Task, prompt: Prompt, examples: Sequence[Example]) -> Exported:
    """Return the parts of the prompt, with `{{name}}` for each of the variables that are listed."""
    content = {**prompt.as_dict(), "variables": list(task.variables)}
    return Exported(text=json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def as_langchain(task: Task, prompt: Prompt, examples: Sequence[Example]) -> Exported:
    """Return a `ChatPromptTemplate` as `langchain_core.load` writes it; literal braces are doubled.

    Raises `BadInput` when a variable has a name that a format string cannot say.
    """
    from langchain_core.load import dumpd  # noqa: PLC0415  # a second to import, for whoever exports
    from langchain_core.prompts import ChatPromptTemplate  # noqa: PLC0415

    for name in task.variables:
        if _NOT_IN_FIELDS.search(name) or not name.strip() or name.isdecimal():
            raise BadInput(f"LangChain cannot name the variable {name!r}", cure="rename the column: letters, digits, _")
    said = [(_ROLES[turn.role], write(turn.content, "fstring", names)) for turn, names in turns(task, prompt)]
    chat = ChatPromptTemplate.from_messages(said)
    return Exported(text=json.dumps(dumpd(chat), ensure_ascii=False, indent=2) + "\n")


FORMS: Mapping[str, Writer] = {
    "text": as_text,
    "promptfoo": as_promptfoo,
    "langchain": as_langchain,
    "json": as_json,
}
