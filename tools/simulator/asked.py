"""What an agent's request says, as far as a simulated agent can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from socratune.memory.records import Prompt
from socratune.tools.models import Request
from socratune.tools.reply_form import form_asked
from socratune.tools.sections import rows_of, sections

_PART = r"^<{0}>\n?(.*?)\n?</{0}>$"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row as a request shows it: a failure, an answer that nobody judged, a worked example."""

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
        return _prompt(self.text("prompt"))

    @property
    def other(self) -> Prompt:
        """The parts of a second prompt; it has none where none is shown."""
        return _prompt(self.text("other"))

    @property
    def history(self) -> list[tuple[Prompt, float | None]]:
        """Prompts that were tried, each with its score where that is shown."""
        return [(_tried(row.get("prompt")), _score(row.get("score"))) for row in self.rows("history")]

    @property
    def failures(self) -> list[ShownRow]:
        """The rows that went wrong."""
        return self.shown("failures")

    def shown(self, name: str) -> list[ShownRow]:
        """Return the rows of a section; empty when there is none."""
        return [
            ShownRow(id=str(row.get("id", "")), inputs={str(k): str(v) for k, v in _mapping(row.get("inputs")).items()})
            for row in self.rows(name)
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
    def limits(self) -> Mapping[str, object]:
        """What the edit may not break."""
        return next(iter(self.rows("limits")), {})


def _prompt(text: str) -> Prompt:
    return Prompt(system=_part("system", text), user=_part("user", text))


def _part(tag: str, text: str) -> str | None:
    found = re.search(_PART.format(tag), text, re.DOTALL | re.MULTILINE)
    return found[1] if found else None


def _tried(value: object) -> Prompt:
    parts = {str(name): str(text) for name, text in _mapping(value).items()}
    return Prompt(system=parts.get("system"), user=parts.get("user"))


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
