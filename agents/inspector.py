"""The inspector: holds each failure against a checklist, as PE2 does (arXiv 2311.05661)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, failure_lines
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.critiques import Inspection
from socratune.memory.records import ExampleId
from socratune.tools.caller import Line
from socratune.tools.replies import INSPECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """Says of each failure whether its label is right, whether the prompt says what it needs, and what would help."""

    line: Line
    instructions: AgentPrompt

    async def inspect(self, brief: Brief, failures: Sequence[Failure], *, attempt: int = 0) -> tuple[Inspection, ...]:
        """Return at most one inspection a failure, in their order. Raises `MalformedReply`.

        Rows that were not shown are dropped, and so are second thoughts on one row.
        """
        body = brief.sections() | {"failures": failure_lines(failures)}
        reply = await ask(self.line, self.instructions, INSPECTION, body, attempt=attempt)
        found = {each.id: each for each in reversed(reply.inspections)}
        return tuple(
            Inspection(
                example_id=ExampleId(each.id),
                label_is_right=each.label_is_right,
                prompt_says_it=each.prompt_says_it,
                edit=each.edit,
            )
            for failure in failures
            if (each := found.get(failure.example.id)) is not None
        )
