"""How what agents study is written into sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from socratune.memory.critiques import Hypothesis
from socratune.memory.records import Candidate, Cluster, Example, Lesson, Prompt, Rollout
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A train row that a candidate got wrong, with what it answered. Rollouts without a reward are not failures."""

    example: Example
    rollout: Rollout

    def row(self) -> dict[str, object]:
        """Return what agents see of it: without a label or feedback where there is none."""
        row: dict[str, object] = {
            "id": self.example.id,
            "inputs": dict(self.example.inputs),
            "expected": self.example.expected,
            "answer": self.rollout.output or "",
            "feedback": self.rollout.feedback,
        }
        return {key: value for key, value in row.items() if value or key not in ("expected", "feedback")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An edit that was tested in this run."""

    candidate: Candidate
    outcome: str
    """`accepted, gain +0.12` or `rejected`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What all agents are told about the work at hand."""

    goal: str
    prompt: Prompt
    recalled: Sequence[Lesson] = ()
    tried: Sequence[Attempt] = ()
    accepted: Sequence[Hypothesis] = ()
    """What the dialogue has settled on other clusters so far."""

    def sections(self) -> dict[str, str]:
        """Return the goal, the prompt, and where there are any, memories, tested edits and accepted rules."""
        body = {"goal": self.goal, "prompt": prompt_text(self.prompt)}
        if self.recalled:
            body["memory"] = lines({"kind": m.kind, "text": m.text, "gain": round(m.gain, 3)} for m in self.recalled)
        if self.tried:
            body["tried"] = lines({"rules": list(t.candidate.lessons), "outcome": t.outcome} for t in self.tried)
        if self.accepted:
            body["accepted"] = lines({"rule": h.rule} for h in self.accepted)
        return body


def prompt_text(prompt: Prompt) -> str:
    """Return the parts of a prompt between tags."""
    parts = {"system": prompt.system, "user": prompt.user}
    text = [f"<{name}>\n{part}\n</{name}>" for name, part in parts.items() if part is not None]
    if prompt.demos:
        demos = lines({"inputs": dict(demo.inputs), "output": demo.output} for demo in prompt.demos)
        text.append(f"<demos>\n{demos}\n</demos>")
    return "\n".join(text)


def failure_lines(failures: Iterable[Failure]) -> str:
    """Return one failure a line."""
    return lines(failure.row() for failure in failures)


def hypothesis_lines(hypotheses: Iterable[Hypothesis]) -> str:
    """Return one hypothesis a line."""
    return lines(
        {"label": h.label, "cause": h.cause, "rule": h.rule, "examples": list(h.example_ids)} for h in hypotheses
    )


def cluster_lines(clusters: Iterable[Cluster], failures: Sequence[Failure]) -> str:
    """Return one cluster a line, with up to two of its failures."""
    by_id = {failure.example.id: failure for failure in failures}
    return lines(
        {
            "cluster": cluster.id,
            "count": len(cluster.example_ids),
            "signature": cluster.signature,
            "examples": [by_id[each].row() for each in cluster.example_ids[:2]],
        }
        for cluster in clusters
    )
