"""What an agent's request says, as far as a simulated agent can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from socratune.memory.records import Prompt
from socratune.tools.models import Request
from socratune.tools.replies import form_asked
from socratune.tools.sections import rows_of, sections

_PART = r"^<{0}>\n?(.*?)\n?</{0}>$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A row that went wrong, as a request shows it."""

    id: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A hypothesis, as a request shows it."""

    label: str
    cause: str
    rule: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The form asked for, and the sections by name."""

    form: str | None
    sections: Mapping[str, str]
    is_repair: bool
    """Whether the request shows the agent a reply of its own."""

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Read a sealed or canonical request."""
        text = "\n\n".join(message.content for message in request.messages)
        is_repair = any(message.role == "assistant" for message in request.messages)
        return cls(form=form_asked(text), sections=sections(text), is_repair=is_repair)

    @property
    def key(self) -> str:
        """What makes it the same question, whatever the marks around its sections."""
        return json.dumps([self.form, self.sections], sort_keys=True)

    def text(self, name: str) -> str:
        """Return a section; empty when there is none."""
        return self.sections.get(name, "")

    def rows(self, name: str) -> list[dict[str, object]]:
        """Return the JSON lines of a section; empty when there is none."""
        return rows_of(self.text(name))

    @property
    def prompt(self) -> Prompt:
        """The parts of the prompt in question, without its demos."""
        return Prompt(system=self._part("system"), user=self._part("user"))

    @property
    def failures(self) -> list[Failure]:
        """The rows that went wrong."""
        return [
            Failure(id=str(row.get("id", "")), inputs={str(k): str(v) for k, v in _mapping(row.get("inputs")).items()})
            for row in self.rows("failures")
        ]

    @property
    def hypotheses(self) -> list[Finding]:
        """The causes found so far, the one with most examples first."""
        found = [
            Finding(
                label=str(row.get("label", "")),
                cause=str(row.get("cause", "")),
                rule=str(row.get("rule", "")),
                examples=tuple(str(item) for item in _sequence(row.get("examples"))),
            )
            for row in self.rows("hypotheses")
        ]
        return sorted(found, key=lambda finding: -len(finding.examples))

    @property
    def max_tokens(self) -> int | None:
        """How long the new prompt may be, in estimated tokens; None is no limit."""
        limit = next(iter(self.rows("limits")), {}).get("max_tokens")
        return limit if isinstance(limit, int) else None

    def _part(self, tag: str) -> str | None:
        found = re.search(_PART.format(tag), self.text("prompt"), re.DOTALL | re.MULTILINE)
        return found[1] if found else None


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
