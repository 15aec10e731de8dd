"""A world: planted rules laid over labelled rows, whose effect on any prompt can be computed exactly.

It shows that the mechanism of an optimizer works, never that a method is good on real models. It knows nothing of the
agents' wording and holds no rows: those come from whoever asks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt
from socratune.tools.simulator.chance import chance
from socratune.tools.simulator.world_file import Churn, Distractor, PromptText, Rule, WorldFile, WorldTask
from socratune.tools.template import messages
from socratune.tools.tokens import estimate

BUILTIN = Path(__file__).parents[1] / "worlds"
"""Where the worlds that come with Socratune, and their rows, are kept."""

_WRAPPED = re.compile(r"(?<!\n)\n(?!\n|[-*•#<]|\d+[.)])")
"""The line breaks inside a paragraph: not those before a list item, a heading or a tag."""


def inputs_text(inputs: Mapping[str, str]) -> str:
    """Return a row's inputs as rules see them."""
    return "\n".join(inputs.values())


def prompt_text(prompt: Prompt, columns: Iterable[str]) -> str:
    """Return what every row of these columns is sent along with."""
    blank = dict.fromkeys(columns, "")
    return canonical("\n\n".join(message.content for message in messages(prompt, blank)))


def canonical(text: str) -> str:
    """Return `text` with wrapped lines joined, and spaces and empty lines evened out."""
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    return _WRAPPED.sub(" ", re.sub(r"\n{3,}", "\n\n", lines)).strip()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Which rows need which rules, and what a prompt is worth."""

    name: str
    """A builtin name, or the path it was read from."""
    file: WorldFile
    _conveyed: Callable[[str], frozenset[str]] = field(init=False, repr=False)
    _needs: Callable[[str], tuple[Rule, ...]] = field(init=False, repr=False)
    _distractors: Callable[[str], tuple[Distractor, ...]] = field(init=False, repr=False)
    _tax: Callable[[str], float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, function in (
            ("_conveyed", self._find_conveyed),
            ("_needs", self._find_needs),
            ("_distractors", self._find_distractors),
            ("_tax", self._find_tax),
        ):
            object.__setattr__(self, name, lru_cache(maxsize=8_192)(function))

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

    def conveyed(self, prompt_text: str) -> frozenset[str]:
        """Return the ids of the rules that a text conveys, less those that a distractor in it contradicts."""
        return self._conveyed(prompt_text)

    def distractors_in(self, prompt_text: str) -> tuple[Distractor, ...]:
        """Return the distractors that a text conveys."""
        return self._distractors(prompt_text)

    def needs(self, inputs: Mapping[str, str]) -> tuple[Rule, ...]:
        """Return the rules without which a row goes wrong, in the order of the file."""
        return self._needs(inputs_text(inputs))

    def missing(self, prompt_text: str, inputs: Mapping[str, str]) -> tuple[Rule, ...]:
        """Return the needed rules that a text does not convey."""
        conveyed = self._conveyed(prompt_text)
        return tuple(rule for rule in self.needs(inputs) if rule.id not in conveyed)

    def misled_by(self, prompt_text: str, inputs: Mapping[str, str]) -> tuple[Distractor, ...]:
        """Return the distractors in a text that spoil the row."""
        row = inputs_text(inputs)
        return tuple(d for d in self._distractors(prompt_text) if d.breaks is not None and d.breaks.search(row))

    def probability(self, prompt_text: str, example: Example) -> float:
        """Return the chance of a right answer, noise, luck and length included."""
        if self.file.churn is not None:
            return self.file.churn.base
        if self.missing(prompt_text, example.inputs) or self.misled_by(prompt_text, example.inputs):
            return self.file.luck
        return max(self.file.luck, 1 - self.file.noise - self._tax(prompt_text))

    def expected_accuracy(self, prompt: Prompt, examples: Sequence[Example]) -> float:
        """Return the exact mean of the probability over `examples`, of which there must be at least one."""
        text = prompt_text(prompt, examples[0].inputs)
        return sum(self.probability(text, example) for example in examples) / len(examples)

    def answers_rightly(self, prompt_text: str, example: Example, *, seed: int, repeat: int) -> bool:
        """Draw whether this answer is right; the same arguments always give the same."""
        if self.file.churn is not None:
            return self._churned(self.file.churn, prompt_text, example, seed=seed)
        row = inputs_text(example.inputs)
        drawn = chance("answer", seed, self.task.name, prompt_text, row, repeat)
        return drawn < self.probability(prompt_text, example)

    def _churned(self, churn: Churn, text: str, example: Example, *, seed: int) -> bool:
        key = (seed, self.task.name, inputs_text(example.inputs))
        is_seed = text == prompt_text(self.seed, example.inputs)
        drawn_anew = not is_seed and chance("redraw", *key, text) < churn.redraw
        return chance("churn", *key, text if drawn_anew else "") < churn.base

    def _find_conveyed(self, text: str) -> frozenset[str]:
        said = canonical(text)
        against = {distractor.contradicts for distractor in self._distractors(text)}
        return frozenset(rule.id for rule in self.file.rules if rule.id not in against and rule.said_in(said))

    def _find_needs(self, row: str) -> tuple[Rule, ...]:
        matching = (rule for rule in self.file.rules if rule.when is None or rule.when.search(row))
        return tuple(rule for rule in matching if chance("share", rule.id, row) < rule.share)

    def _find_distractors(self, text: str) -> tuple[Distractor, ...]:
        said = canonical(text)
        return tuple(distractor for distractor in self.file.distractors if distractor.said_in(said))

    def _find_tax(self, text: str) -> float:
        tax = self.file.length_tax
        return max(0, estimate(text) - tax.above) / 100 * tax.per_100 if tax else 0.0


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
