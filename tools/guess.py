"""A first task file for a prompt and its rows, with a reason for each guess.

Guesses are for a person to correct: what cannot be guessed stands in the file with a comment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.tools import template
from socratune.tools.datasets import Row, columns_of, read_rows
from socratune.tools.yaml_edits import dump
from socratune.tools.yaml_text import read_text

TARGET = "openai:gpt-4.1-mini"
SAMPLE_ROWS = 2000
MOST_LABELS = 20
LONGEST_LABEL = 40
"""Characters."""
RUBRIC = {"rubric": "Answers what the input asks; is right; says nothing that was not asked for"}
COMMENTS = {
    "goal": "in one sentence, what is a good answer?",
    "metric": "what a good answer does, a criterion between semicolons",
    "target": "the model that will run this prompt",
}
EXPECTED_NAMES = ("expected", "label", "target", "answer", "output", "queue", "category", "class", "gold", "intent")
COUNTING_NAMES = frozenset({"id", "index", "row", "no", "nr", "number"})

_LETTER = re.compile(r"\([A-Z]\)|[A-E]")
_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d,]*(?:\.\d+)?%?")


def draft(
    prompt_path: Path, rows_path: Path, *, folder: Path = Path(), target: str = TARGET
) -> tuple[str, tuple[str, ...]]:
    """Return the text of a task file that is to stand in `folder`, and what was guessed and why, a line each."""
    rows = read_rows(rows_path, limit=SAMPLE_ROWS)
    names = columns_of(rows)
    text = _prompt_text(prompt_path)
    native, style = template.read(text, names)
    used = template.variables(native, names)
    expected, why_expected = _expected(names, used)
    inputs, why_inputs = _inputs(names, used, expected)
    metric, why_metric = _metric([row.values.get(expected, "") for row in rows]) if expected else _judged()
    content = {
        "name": prompt_path.stem,
        "goal": "",
        "prompt" if used else "system": _inside(prompt_path, folder, prefix="file://") or text,
        "data": _inside(rows_path, folder) or os.path.abspath(rows_path),
        "inputs": list(inputs),
        **({"expected": expected} if expected else {}),
        "metric": metric,
        "target": target,
    }
    notes = (*_about_prompt(used, style), why_expected, why_inputs, why_metric, *_about_data(rows_path, folder))
    return "".join(_line(key, value) for key, value in content.items()), notes


def roles(rows: Sequence[Row], used: Sequence[str]) -> tuple[tuple[str, ...], str | None, str]:
    """Return the inputs, the expected column and the metric that fit some rows; `used` are columns the prompt names.

    The expected column is None, and the metric a rubric, when nobody has written an answer.
    """
    names = columns_of(rows)
    expected, _ = _expected(names, used)
    inputs, _ = _inputs(names, used, expected)
    labels = [row.values.get(expected, "") for row in rows] if expected else []
    if not any(label.strip() for label in labels):
        return inputs, None, "rubric"
    metric, _ = _metric(labels)
    return inputs, expected, metric


def _line(key: str, value: object) -> str:
    """Write one key, with a comment where a person has to decide."""
    line, is_guessed = dump({key: value}), isinstance(value, str) and key == "metric"
    return f"{line.rstrip()}  # {COMMENTS[key]}\n" if key in COMMENTS and not is_guessed else line


def _prompt_text(path: Path) -> str:
    text = read_text(path).removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.strip():
        raise BadInput("the prompt is empty", place=str(path), cure="write the instructions into it")
    return text


def _inside(path: Path, folder: Path, *, prefix: str = "") -> str | None:
    """Return how a task file in `folder` names a file; None when it lies elsewhere or is reached through a link."""
    plain, top = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    if not plain.is_relative_to(top):
        return None
    steps = plain.relative_to(top)
    if any((top / step).is_symlink() for step in (steps, *steps.parents)[:-1]):
        return None
    return prefix + steps.as_posix()


def _expected(names: Sequence[str], used: Sequence[str]) -> tuple[str | None, str]:
    """Return the column with the answers, None when only inputs are left, and why."""
    left = [name for name in names if name not in used and name.casefold() not in COUNTING_NAMES]
    if not left or (not used and len(left) < 2):
        return None, "expected: left out, since no column is left for answers; a judge needs none"
    for guess in EXPECTED_NAMES:
        for name in left:
            if name.casefold() == guess:
                return name, f"expected: {name}, by its name"
    return left[-1], f"expected: {left[-1]}, the last column that the prompt does not name"


def _inputs(names: Sequence[str], used: Sequence[str], expected: str | None) -> tuple[tuple[str, ...], str]:
    if used:
        return tuple(used), f"inputs: {', '.join(used)}, which the prompt names"
    others = [name for name in names if name != expected]
    telling = [name for name in others if name.casefold() not in COUNTING_NAMES] or others
    return tuple(telling), f"inputs: {', '.join(telling)}, the other columns"


def _metric(labels: Sequence[str]) -> tuple[str, str]:
    """Return the metric that fits the expected answers, and why."""
    answers = {label.strip() for label in labels} - {""}
    if all(_LETTER.fullmatch(answer) for answer in answers):
        return "choice", "metric: choice, since the expected answers are letters of options"
    if all(_is_object(answer) for answer in answers):
        return "json", "metric: json, since the expected answers are JSON objects"
    if all(_NUMBER.fullmatch(answer) for answer in answers):
        return "numeric", "metric: numeric, since the expected answers are numbers"
    if len(answers) <= MOST_LABELS and max(map(len, answers)) <= LONGEST_LABEL:
        return "exact", f"metric: exact, since there are {len(answers)} different short answers"
    return "f1", "metric: f1 (shared words), since the expected answers are free text"


def _judged() -> tuple[dict[str, str], str]:
    """Return a rubric for rows without answers, and why."""
    return RUBRIC, "metric: a rubric that a judge reads, since no answers are given; put your own criteria there"


def _is_object(text: str) -> bool:
    try:
        return bool(text.startswith("{") and json.loads(text))
    except (ValueError, RecursionError):
        return False


def _about_prompt(used: Sequence[str], style: template.Style) -> Iterator[str]:
    if used:
        yield "prompt: a user message, since it names columns"
    else:
        yield "system: a system message, since it names no column; the row is the user message"
    if style != "native":
        written = template.write(f"{{{{{used[0]}}}}}", style, used)
        yield f"placeholders: written as {written}, and written back so"


def _about_data(rows_path: Path, folder: Path) -> Iterator[str]:
    if _inside(rows_path, folder) is None:
        yield f"data: outside of {str(folder)!r} or a link; move it there, or pass it with --data"
