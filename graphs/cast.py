"""Who takes part in a run: every agent with its instructions, all on one line to the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from socratune.agents.critic import Critic, QuestionCritic
from socratune.agents.inspector import Inspector
from socratune.agents.instructions import AgentPrompt
from socratune.agents.planner import Planner
from socratune.agents.rewriter import Rewriter
from socratune.agents.teacher import Teacher
from socratune.memory.records import Prompt
from socratune.tools.caller import Line
from socratune.tools.guard import longest_prompt

WRITERS = (
    "reflect",
    "amend",
    "synthesise",
    "induce",
    "history",
    "mutate",
    "paraphrase",
    "compress",
    "crossover",
    "compare",
)
"""The instructions that a rewriter may follow besides its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Everyone who judges, but for the evaluator."""

    planner: Planner
    critic: Critic
    question_critic: QuestionCritic
    teacher: Teacher
    rewriter: Rewriter
    inspector: Inspector
    writers: Mapping[str, Rewriter]
    """By the name of their instructions, one of `WRITERS`."""


def agents_of(line: Line, seed: Prompt) -> Agents:
    """Return the agents, each with its instructions; the rewriter may answer with the longest prompt allowed."""
    longest = replace(line, max_tokens=line.max_tokens + 2 * longest_prompt(seed))
    return Agents(
        planner=Planner(line=line, instructions=AgentPrompt.load("planner")),
        critic=Critic(line=line, instructions=AgentPrompt.load("critic")),
        question_critic=QuestionCritic(line=line, instructions=AgentPrompt.load("judge_question")),
        teacher=Teacher(line=line, instructions=AgentPrompt.load("teacher")),
        rewriter=Rewriter(line=longest, instructions=AgentPrompt.load("rewriter")),
        inspector=Inspector(line=line, instructions=AgentPrompt.load("inspect")),
        writers={name: Rewriter(line=longest, instructions=AgentPrompt.load(name)) for name in WRITERS},
    )
