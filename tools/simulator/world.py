"""A world: planted rules laid over labelled rows, whose effect on any prompt can be computed exactly.

It shows that the mechanism of an optimizer works, never that a method is good on real models. It knows nothing of the
agents' wording, and of rows only those that come with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from pathlib import Path

import yaml
from pydantic import ValidationError

from socratune.memory.errors import BadInput
from socratune.memory.records import JUDGED, Example, Prompt
from socratune.tools.metrics import metric_named
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.chance import chance
from socratune.tools.simulator.own_rows import key_of, labelled
from socratune.tools.simulator.readings import (
    Needed,
    Said,
    inputs_text,
    lacking,
    misleading,
    needed_by,
    prompt_text,
    said_by,
)
from socratune.tools.simulator.world_file import Churn, Distractor, PromptText, Rule, Wording, WorldFile, WorldTask

Worked = tuple[Example, str]
"""A row with what is right for it, and what a worked example in a prompt says of it."""
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Which rows need which rules, and what a prompt is worth.

    `taught` are always the ids of rules that worked examples in the prompt convey beside its text.
    """

    name: str
    """A builtin name, or the path it was read from."""
    file: WorldFile
    _said: Callable[[str, frozenset[str]], Said] = field(init=False, repr=False)
    _needed: Callable[[str], Needed] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, read in (("_said", said_by), ("_needed", needed_by)):
            object.__setattr__(self, name, lru_cache(maxsize=8_192)(partial(read, self.file)))

    @property
    def task(self) -> WorldTask:
        """The task file's content, without models."""
        return self.file.task

    @property
    def seed(self) -> Prompt:
        """The prompt to start from."""
        return self.task.templates

    @property
    def ideal(self) -> Prompt:
        """A prompt that conveys every rule and no distractor."""
        return self.file.ideal.templates

    @property
    def metric(self) -> str:
        """The metric by which an answer is right; `exact` where the task asks a judge."""
        return "exact" if self.task.metric in JUDGED else self.task.metric

    def conveyed(self, prompt_text: str) -> frozenset[str]:
        """Return the ids of the rules that a text conveys, less those that a distractor in it contradicts."""
        return self._said(prompt_text, NOTHING).held

    def distractors_in(self, prompt_text: str) -> tuple[Distractor, ...]:
        """Return the distractors that a text conveys."""
        return self._said(prompt_text, NOTHING).distractors

    def needs(self, inputs: Mapping[str, str]) -> tuple[Rule, ...]:
        """Return the rules without which a row goes wrong, in the order of the file."""
        return self._needed(inputs_text(inputs)).rules

    def missing(
        self, prompt_text: str, inputs: Mapping[str, str], *, taught: frozenset[str] = NOTHING
    ) -> tuple[Rule, ...]:
        """Return what the row needs and does not get; of a rule that is of no use yet, the one to come before it."""
        return lacking(self.file, self._said(prompt_text, taught), self._needed(inputs_text(inputs)))

    def misled_by(self, prompt_text: str, inputs: Mapping[str, str]) -> tuple[Distractor, ...]:
        """Return the distractors in a text that spoil the row."""
        return misleading(self._said(prompt_text, NOTHING), self._needed(inputs_text(inputs)))

    def at_first_sight(self, rule: Rule, shown: Iterable[Mapping[str, str]]) -> Wording:
        """Return what somebody who sees only the `shown` rows takes a rule for.

        That is a sentence which does the same for them and says too much, or else the rule itself.
        """
        broken = {says for inputs in shown for says in self._needed(inputs_text(inputs)).broken_by}
        hasty = (d for d in self.file.distractors if d.instead_of == rule.id and d.unless and d.says not in broken)
        return next(hasty, rule)

    def taught(self, worked: Iterable[Worked]) -> frozenset[str]:
        """Return the ids of the rules that worked examples teach: the right ones, each with some chance."""
        return frozenset(
            rule.id
            for example, answer in worked
            if self._is_right(answer, example)
            for rule in self.needs(example.inputs)
            if chance("teaches", self.task.name, rule.id, inputs_text(example.inputs)) < self.file.examples_teach
        )

    def probability(self, prompt_text: str, example: Example, *, taught: frozenset[str] = NOTHING) -> float:
        """Return the chance of a right answer, noise, luck and length included."""
        if self.file.churn is not None:
            return self.file.churn.base
        said, needed = self._said(prompt_text, taught), self._needed(inputs_text(example.inputs))
        if self.file.shuffled is not None:
            missing = lacking(self.file, said, needed)
            return 0.0 if any(rule.without.prose is not None for rule in missing) else 1 / self.file.shuffled
        return self._truly_right(said, needed)

    def expected_accuracy(self, prompt: Prompt, examples: Sequence[Example]) -> float:
        """Return the exact mean of the probability over `examples`, of which there must be at least one.

        Worked examples in the prompt teach when their rows are among them.
        """
        text = prompt_text(prompt, examples[0].inputs)
        taught = self.taught(self._worked(prompt, examples)) if self.file.examples_teach else NOTHING
        return sum(self.probability(text, example, taught=taught) for example in examples) / len(examples)

    def answers_rightly(
        self, prompt_text: str, example: Example, *, seed: int, repeat: int, taught: frozenset[str] = NOTHING
    ) -> bool:
        """Draw whether this answer is what is truly right; the same arguments always give the same."""
        if self.file.churn is not None:
            return self._churned(self.file.churn, prompt_text, example, seed=seed)
        row = inputs_text(example.inputs)
        drawn = chance("answer", seed, self.task.name, prompt_text, row, repeat)
        return drawn < self._truly_right(self._said(prompt_text, taught), self._needed(row))

    def _truly_right(self, said: Said, needed: Needed) -> float:
        wrong = needed.unfixable or lacking(self.file, said, needed) or misleading(said, needed)
        return self.file.luck if wrong else max(self.file.luck, 1 - self.file.noise - said.tax)

    def _worked(self, prompt: Prompt, examples: Sequence[Example]) -> Iterator[Worked]:
        if not prompt.demos:
            return
        known = {key_of(row.inputs.values()): row for row in labelled(examples, self)}
        for demo in prompt.demos:
            if (row := known.get(key_of(demo.inputs.values()))) is not None:
                yield row, demo.output

    def _is_right(self, answer: str, example: Example) -> bool:
        """Whether an answer, or its last line when it was reasoned about first, is right."""
        measure = metric_named(self.metric, {})
        last = answer.strip().rpartition("\n")[2]
        return any(measure(said, example).reward >= 1 for said in (answer, last))

    def _churned(self, churn: Churn, text: str, example: Example, *, seed: int) -> bool:
        key = (seed, self.task.name, inputs_text(example.inputs))
        is_seed = text == prompt_text(self.seed, example.inputs)
        drawn_anew = not is_seed and chance("redraw", *key, text) < churn.redraw
        return chance("churn", *key, text if drawn_anew else "") < churn.base


@cache
def load_world(name_or_path: str) -> World:
    """Read a world once. Raises `BadInput` when there is none of that name, or the file is not a world."""
    raw = _layered(_read(_path_of(name_or_path)))
    try:
        return World(name=name_or_path, file=WorldFile.model_validate(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{where}: {first['msg']}", place=name_or_path) from error


def _path_of(name: str) -> Path:
    path = Path(name) if name.endswith((".yaml", ".yml")) else BUILTIN / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(world.stem for world in BUILTIN.glob("*.yaml"))
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    cure = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}."
    raise BadInput(f"there is no world {name!r}", cure=f"{cure} A path to a .yaml file also does")


def _read(path: Path) -> dict[str, object]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"cannot be read: {' '.join(str(error).split())}", place=str(path)) from error
    if not isinstance(raw, dict):
        raise BadInput("a world is a mapping with task, ideal and rules", place=str(path))
    return raw


def _layered(raw: dict[str, object]) -> dict[str, object]:
    """Lay the keys of a world over those of the one it is `like`; its task is laid over key by key."""
    if "like" not in raw:
        return raw
    base = _layered(_read(_path_of(str(raw["like"]))))
    own = {key: value for key, value in raw.items() if key not in ("like", "starts_at_ideal")}
    task = {**_mapping(base, "task"), **_mapping(own, "task")}
    if raw.get("starts_at_ideal"):
        task = {key: value for key, value in task.items() if key not in PromptText.model_fields}
        task |= _mapping(base, "ideal")
    return {**base, **own, "task": task}


def _mapping(raw: Mapping[str, object], key: str) -> dict[str, object]:
    value = raw.get(key, {})
    return dict(value) if isinstance(value, dict) else {}
