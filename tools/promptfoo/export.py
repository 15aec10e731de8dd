"""A prompt, its rows and its metric as a Promptfoo configuration, and what of them it cannot hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from socratune.memory.errors import BadInput
from socratune.memory.model_options import PLAIN
from socratune.memory.records import LONGEST_ANSWER, Example, Prompt, Task
from socratune.tools.assertions import Assertion, checks_of
from socratune.tools.exported import Exported, turns
from socratune.tools.folders import FILE
from socratune.tools.promptfoo.nunjucks import is_name, protected
from socratune.tools.yaml_edits import dump

LOSSES: Mapping[str, str] = {
    "exact": "equals minds case, quotes and a final period, which `exact` does not",
    "contains": "",
    "regex": "",
    "assert": "",
}
"""The metrics that have an assertion for them, each with what is lost by it."""
_DUMPED = TypeAdapter(Assertion)


def as_promptfoo(task: Task, prompt: Prompt, examples: Sequence[Example]) -> Exported:
    """Return a configuration. Raises `BadInput` when a variable has a name that Nunjucks cannot say."""
    for name in task.variables:
        if not is_name(name):
            raise BadInput(f"Promptfoo cannot name the variable {name!r}", cure="rename the column: letters, digits, _")
    providers = _providers(task)
    content: dict[str, object] = {"description": task.goal} if task.goal else {}
    content["prompts"] = [_prompt(task, prompt)]
    content |= {"providers": providers} if providers else {}
    content["tests"] = [_test(task.metric, example) for example in examples]
    return Exported(text=dump(content), lost=tuple(line for line in _lost(task, prompt) if line))


def _prompt(task: Task, prompt: Prompt) -> str:
    """Return the prompt as a text, or as a chat where it says more than one thing."""
    said = [(turn.role, protected(turn.content, names)) for turn, names in turns(task, prompt)]
    if len(said) == 1:
        text = said[0][1]
        return f"{text}\n" if "\n" in text else text
    return json.dumps([{"role": role, "content": text} for role, text in said], ensure_ascii=False, indent=2) + "\n"


def _providers(task: Task) -> list[object]:
    maker, _, name = task.target.partition(":")
    kinds = {"openai": "chat", "anthropic": "messages"}
    if maker not in kinds:
        return []
    name, at, url = name.partition("@http")
    temperature = task.options.get("target", PLAIN).temperature
    said: dict[str, object] = {
        "apiBaseUrl": f"http{url}" if at else None,
        "temperature": temperature,
        "max_tokens": task.max_output_tokens if task.max_output_tokens != LONGEST_ANSWER else None,
    }
    config = {key: value for key, value in said.items() if value is not None}
    return [{"id": f"{maker}:{kinds[maker]}:{name}", **({"config": config} if config else {})}]


def _test(metric: str, example: Example) -> dict[str, object]:
    values = {name: _constant(text) for name, text in example.inputs.items()}
    return {"vars": values, **_asserts(metric, example)}


def _asserts(metric: str, example: Example) -> dict[str, object]:
    if metric == "assert":
        checks = checks_of(example)
        asserts = [_DUMPED.dump_python(_constant_in(each), exclude_defaults=True) for each in checks.assertions]
        return {"assert": asserts} | ({} if checks.threshold is None else {"threshold": checks.threshold})
    if metric not in LOSSES:
        return {"metadata": {"expected": example.expected}}
    kinds = {"exact": "equals", "contains": "icontains", "regex": "regex"}
    wanted = example.expected.strip() if metric == "contains" else example.expected
    return {"assert": [{"type": kinds[metric], "value": protected(wanted, ())}]}


def _constant(text: str) -> str:
    """Return the value of a variable, which Promptfoo takes for a template or the name of a file."""
    return ("{% raw %}{% endraw %}" if text.startswith(FILE) else "") + protected(text, ())


def _constant_in(assertion: Assertion) -> Assertion:
    value = assertion.value
    if isinstance(value, list):
        return replace(assertion, value=[protected(each, ()) if isinstance(each, str) else each for each in value])
    return replace(assertion, value=protected(value, ())) if isinstance(value, str) else assertion


def _lost(task: Task, prompt: Prompt) -> Sequence[str]:
    return (
        LOSSES.get(task.metric, f"the metric {task.metric!r} has no assertion like it; add your own to the tests"),
        "" if _providers(task) else f"the target {task.target!r} is no provider of Promptfoo; add `providers:`",
        _options_lost(task),
        "the worked examples are turns of the chat; socratune cannot read those back" if prompt.demos else "",
    )


def _options_lost(task: Task) -> str:
    sent = task.options.get("target", PLAIN).sent
    names = [name for name in sent if name != "temperature"] if _providers(task) else []
    return f"the target is also sent {', '.join(names)}; add that to the provider's config" if names else ""
