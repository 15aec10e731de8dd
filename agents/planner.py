"""The planner: decides which failures to work on, in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, cluster_lines
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.critiques import SubGoal
from socratune.memory.records import Cluster
from socratune.tools.caller import Line
from socratune.tools.replies import PLAN, PlannedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Turns clusters of failures into ranked sub-goals (the planner of MARS, arXiv 2503.16874, shown real errors)."""

    line: Line
    instructions: AgentPrompt

    async def plan(
        self, brief: Brief, clusters: Sequence[Cluster], failures: Sequence[Failure], *, attempt: int = 0
    ) -> tuple[SubGoal, ...]:
        """Return sub-goals, most rewarding first; only clusters that exist, each once. Raises `MalformedReply`."""
        body = brief.sections() | {"clusters": cluster_lines(clusters, failures)}
        reply = await ask(self.line, self.instructions, PLAN, body, attempt=attempt)
        known = {cluster.id for cluster in clusters}
        steps: dict[str, PlannedStep] = {}
        for step in reply.subgoals:
            if step.cluster in known:
                steps.setdefault(step.cluster, step)
        ranked = sorted(steps.values(), key=lambda step: -step.weight)
        return tuple(SubGoal(cluster=step.cluster, goal=step.goal, weight=step.weight) for step in ranked)
