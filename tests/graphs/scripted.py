"""A task so small that a script can play all its models: words that want a tail, which the prompt must ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace

from socratune.graphs.engine import Order, Settings
from socratune.memory.records import Budget, Example, ExampleId, Prompt, Role, Task
from socratune.tools.models import LanguageModel, Request, ScriptedModel
from socratune.tools.replies import CRITIQUE, JUDGEMENT, PLAN, QUESTION, REWRITE
from socratune.tools.reply_form import form_asked
from socratune.tools.sections import rows_of, sections

RULE = "Put a tail behind the word."
SEED = Prompt(user="Say the word.\n\n{{word}}")
BETTER = Prompt(user=f"Say the word.\n\n- {RULE}\n\n{{{{word}}}}")
_WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "nu", "pe", "ri", "so", "tu") for second in "bdfgk"]
ROWS = tuple(
    Example(id=ExampleId(f"r{number}"), inputs={"word": word}, expected=f"{word}-tail", group=word)
    for number, word in enumerate(_WORDS, 1)
)


def scripted_order(*, wanting: Collection[str] = _WORDS, seed: int = 0) -> Order:
    """A run in which the `wanting` words are right only under the better prompt, and all others always."""
    task = Task(
        name="tails",
        goal="Say each word with its tail.",
        prompt=SEED,
        variables=("word",),
        metric="exact",
        target="scripted",
        optimizer="scripted",
        budget=Budget(rollouts=300),
    )
    models: dict[Role, LanguageModel] = {
        "target": ScriptedModel(answer=target(wanting), name="scripted:target"),
        "optimizer": ScriptedModel(answer=optimizer, name="scripted:optimizer"),
    }
    return Order(task=task, examples=ROWS, settings=Settings(seed=seed, memory=False), models=models)


def with_model(order: Order, role: Role, model: LanguageModel) -> Order:
    """The same run with another model in one role."""
    return replace(order, models={**(order.models or {}), role: model})


def target(wanting: Collection[str]) -> Callable[[Request], str]:
    """A target that forgets the tail of wanting words unless it is told not to."""

    def answer(request: Request) -> str:
        asked = request.messages[-1].content
        word = asked.split()[-1]
        return word if word in wanting and RULE not in asked else f"{word}-tail"

    return answer


def optimizer(request: Request) -> str:
    """All agents: each finds the one rule that there is to be found."""
    text = "\n".join(message.content for message in request.messages)
    return _REPLIES[form_asked(text) or ""](sections(text))


def _plan(found: dict[str, str]) -> str:
    clusters = [str(row["cluster"]) for row in rows_of(found["clusters"])]
    return json.dumps({"subgoals": [{"cluster": each, "goal": "Mend it.", "weight": 0.5} for each in clusters]})


def _critique(found: dict[str, str]) -> str:
    if RULE in found.get("accepted", ""):
        return json.dumps({"hypotheses": []})
    examples = [str(row["id"]) for row in rows_of(found["failures"])]
    cause = {"label": "A", "cause": "Nobody asks for a tail.", "rule": RULE, "examples": examples}
    return json.dumps({"hypotheses": [cause]})


def _rewrite(_: dict[str, str]) -> str:
    return f"<reason>Asks for the tail.</reason>\n<new_user>\n{BETTER.user}\n</new_user>"


_REPLIES: dict[str, Callable[[dict[str, str]], str]] = {
    PLAN.name: _plan,
    CRITIQUE.name: _critique,
    QUESTION.name: lambda _: json.dumps({"question": "What do all these words lack?"}),
    JUDGEMENT.name: lambda _: json.dumps({"accepted": ["A"], "advice": ""}),
    REWRITE.name: _rewrite,
}
