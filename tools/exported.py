"""What an export is: a text in another tool's form, and the turns of a prompt that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from socratune.memory.records import Example, Message, Prompt, Task
from socratune.tools.template import messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A text in another tool's form."""

    text: str
    lost: tuple[str, ...] = ()
    """What could not be kept, one sentence each."""


Writer = Callable[[Task, Prompt, Sequence[Example]], Exported]


def turns(task: Task, prompt: Prompt) -> list[tuple[Message, tuple[str, ...]]]:
    """Return the messages of a prompt with `{{name}}` where a row goes, each with the variables that it may name.

    The turns of a worked example name none: what looks like a placeholder in them is text.
    """
    found = messages(prompt, {name: f"{{{{{name}}}}}" for name in task.variables})
    templates = {len(found) - 1, *((0,) if prompt.system else ())}
    return [(turn, task.variables if index in templates else ()) for index, turn in enumerate(found)]
