"""Socratune improves a prompt by a Socratic dialogue between agents, and proves that the result is better.

Importing it loads nothing but this file: each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socratune.agent_tool import as_tool
    from socratune.api import aoptimize, aresume, optimize, resume
    from socratune.events import (
        BaselineTried,
        BudgetReached,
        EditJudged,
        EditProposed,
        FinalistChosen,
        FinalTestDone,
        FinalTestStarted,
        LeaderChanged,
        PreflightDone,
        QuestionAsked,
        RoundPlanned,
        RunEnded,
        RunEvent,
        RunPaused,
        RunStarted,
        plain_event,
    )
    from socratune.graphs.engine import Settings
    from socratune.graphs.result import Result
    from socratune.memory.errors import BadInput, Interrupted, Paused, RunOwned
    from socratune.memory.model_options import ModelOptions
    from socratune.memory.records import Budget, Example, Prompt, Task
    from socratune.memory.usercode import Answer
    from socratune.subgraph import build_graph

    __version__: str

__all__ = [
    "Answer",
    "BadInput",
    "BaselineTried",
    "Budget",
    "BudgetReached",
    "EditJudged",
    "EditProposed",
    "Example",
    "FinalTestDone",
    "FinalTestStarted",
    "FinalistChosen",
    "Interrupted",
    "LeaderChanged",
    "ModelOptions",
    "Paused",
    "PreflightDone",
    "Prompt",
    "QuestionAsked",
    "Result",
    "RoundPlanned",
    "RunEnded",
    "RunEvent",
    "RunOwned",
    "RunPaused",
    "RunStarted",
    "Settings",
    "Task",
    "__version__",
    "aoptimize",
    "aresume",
    "as_tool",
    "build_graph",
    "optimize",
    "plain_event",
    "resume",
]

_PLACES = {
    "agent_tool": ("as_tool",),
    "api": ("aoptimize", "aresume", "optimize", "resume"),
    "events": (
        "BaselineTried",
        "BudgetReached",
        "EditJudged",
        "EditProposed",
        "FinalTestDone",
        "FinalTestStarted",
        "FinalistChosen",
        "LeaderChanged",
        "PreflightDone",
        "QuestionAsked",
        "RoundPlanned",
        "RunEnded",
        "RunEvent",
        "RunPaused",
        "RunStarted",
        "plain_event",
    ),
    "graphs.engine": ("Settings",),
    "graphs.result": ("Result",),
    "memory.errors": ("BadInput", "Interrupted", "Paused", "RunOwned"),
    "memory.model_options": ("ModelOptions",),
    "memory.records": ("Budget", "Example", "Prompt", "Task"),
    "memory.usercode": ("Answer",),
    "subgraph": ("build_graph",),
}
_PLACE_OF = {name: f"socratune.{place}" for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("socratune")
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'socratune' has no attribute {name!r}")
    return getattr(import_module(_PLACE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


_LINKS = ("agents", "evals", "graphs", "memory", "tools")


def _check_links(folder: Path) -> None:
    """Raise `ImportError` when the links to the folders were checked out as plain files."""
    plain = [name for name in _LINKS if (folder / name).is_file()]
    if plain:
        raise ImportError(
            f"{folder / plain[0]} is a plain file and should be a link: this checkout was made without "
            "symbolic links; run `git config core.symlinks true && git checkout -- src`, or install the package"
        )


_check_links(Path(__file__).parent)
