"""The tests of a configuration become rows: their variables are the columns, their assertions stand beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import JsonValue

from socratune.memory.errors import BadInput
from socratune.tools.assertions import LISTS, RUBRIC, WORDS, Assertion, Checks, fault
from socratune.tools.datasets import CHECKS, MOST_ROWS, Row, read_rows
from socratune.tools.folders import FILE, inside, root_of
from socratune.tools.promptfoo.config import Value, parse
from socratune.tools.promptfoo.expectations import expectation
from socratune.tools.promptfoo.nunjucks import filled
from socratune.tools.yaml_text import read_text

EXPECTED = "__expected"
MOST_ASSERTIONS = 100
"""Of one test."""
YAML = (".yaml", ".yml")
_TEST = ("vars", "assert", "threshold", "description", "metadata")
_ASSERTION = ("type", "value", "weight", "threshold", "metric")
_CODE = "code is not run from a Promptfoo file; in a task file of your own write `metric: python:file.py:get_assert`"
_PART = re.compile(r'\s*"([^"]+)"\s*(?=,|\Z)|([^,]+)')
_EXPECTED = re.compile(rf"{EXPECTED}\d*")
_INERT = ("__description", "__metric")
_FIND = "put it beside the configuration, or pass it with --data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What every test of a configuration begins with."""

    vars: Mapping[str, Value] = field(default_factory=dict)
    asserts: tuple[Value, ...] = ()
    threshold: Value | None = None


NO_DEFAULTS = Defaults()


def read_cases(path: Path, *, config: Path | None, limit: int | None) -> tuple[Row, ...]:
    """Read the first `limit` tests of a configuration, or of a file of tests, or all; at least one.

    `config` is the configuration whose `defaultTest` holds for a file of tests.
    """
    default = defaults(parse(read_text(config), config)) if config and config != path else NO_DEFAULTS
    found = (_row(test, theirs) for test, theirs in _tests(path, default))
    rows = tuple(islice(found, MOST_ROWS + 1 if limit is None else limit))
    if not rows:
        raise BadInput("there are no tests", place=str(path), cure="give at least one")
    if len(rows) > MOST_ROWS:
        raise BadInput(f"more than {MOST_ROWS} tests", place=str(path), cure="give fewer")
    return rows


def defaults(config: Value) -> Defaults:
    """Return what `defaultTest` says."""
    if not isinstance(config.data, dict) or config.data.get("defaultTest") is None:
        return NO_DEFAULTS
    return _defaults(config.within("defaultTest"), "defaultTest", NO_DEFAULTS)


def _defaults(test: Value, what: str, default: Defaults) -> Defaults:
    """Return what a test says together with what holds for all."""
    _refuse_grader(test, "options", what)
    fields = test.fields(what, _TEST)
    own = fields["vars"].fields("vars") if "vars" in fields else {}
    asserts = fields["assert"].items("assert") if "assert" in fields else []
    return Defaults(
        vars={**default.vars, **own},
        asserts=(*default.asserts, *asserts),
        threshold=fields.get("threshold", default.threshold),
    )


def _refuse_grader(value: Value, key: str, what: str) -> None:
    """Refuse the key under which Promptfoo names the model that grades: here that is the task's judge."""
    if isinstance(value.data, dict) and key in value.data:
        options = value.data[key]
        names = key == "provider" or (isinstance(options, dict) and "provider" in options)
        cure = "take it out" + ("; --judge MODEL names the model that grades" if names else "")
        raise value.within(key).refused(f"{key!r} in {what} is not supported", cure)


def _tests(path: Path, default: Defaults, *, named: bool = False) -> Iterator[tuple[Value, Defaults]]:
    """Yield the tests of a file, with what holds for all of them; one that is named by another names no further one."""
    if path.suffix.lower() not in YAML:
        for row in read_rows(path):
            yield _test_of(row, path), default
        return
    content = parse(read_text(path), path)
    if isinstance(content.data, dict):
        if "tests" not in content.data:
            raise content.refused("there are no `tests`", "add some, or pass them with --data")
        default, content = defaults(content), content.within("tests")
    for test in _listed(content):
        if not isinstance(test.data, str):
            yield test, default
            continue
        if named:
            raise test.refused(
                "a file of tests that names another file is not supported", "name it in the configuration"
            )
        for file in _named(test, path):
            yield from _tests(file, default, named=True)


def _listed(tests: Value) -> list[Value]:
    return [tests] if isinstance(tests.data, str) else tests.items("tests")


def _named(value: Value, path: Path) -> list[Path]:
    """Return the files of tests that a text names, with `*` perhaps."""
    named, folder = str(value.data), path.parent
    relative = named.removeprefix(FILE)
    if Path(relative).suffix.lower() not in (*YAML, ".csv", ".json", ".jsonl"):
        raise value.refused(f"tests from {named!r} are not supported", "give a csv, yaml, json or jsonl file")
    if Path(relative).is_absolute() or "*" not in relative:
        return [inside(root_of(path), folder / relative, place=value.place, cure=_FIND)]
    found = [inside(root_of(path), file, place=value.place, cure=_FIND) for file in sorted(folder.glob(relative))]
    if not found:
        raise value.refused(f"{named!r} names no file", "check the path")
    return found


def _test_of(row: Row, path: Path) -> Value:
    """Return the test that a row stands for: in json as it is, in a table by the names of its columns."""
    if path.suffix.lower() in (".json", ".jsonl"):
        return Value(data={key: _read(key, text) for key, text in row.values.items()}, place=row.place, file=path)
    value = Value(data=row.values, place=row.place, file=path)
    test: dict[str, object] = {"vars": {key: text for key, text in row.values.items() if not key.startswith("__")}}
    asserts: list[object] = []
    for key, text in row.values.items():
        if not key.startswith("__") or not text.strip():
            continue
        if _EXPECTED.fullmatch(key):
            asserts.append(expectation(text, value))
        elif key == "__threshold":
            test["threshold"] = text
        elif key not in _INERT:
            raise value.refused(f"the column {key!r} is not supported", "take it out")
    return Value(data={**test, "assert": asserts}, place=row.place, file=path)


def _read(key: str, text: str) -> object:
    """Return a value of a json test: readers of rows give what is no text as compact JSON."""
    return json.loads(text) if key in ("vars", "assert", "metadata") and text[:1] in ("[", "{") else text


def _row(test: Value, default: Defaults) -> Row:
    """Return the row of a test."""
    whole = _defaults(test, "a test", default)
    values = {name: _variable(name, value) for name, value in whole.vars.items()}
    if not whole.asserts:
        raise test.refused("the test asserts nothing, so every answer passes", "add an `assert`, or remove the test")
    if len(whole.asserts) > MOST_ASSERTIONS:
        raise test.refused(f"more than {MOST_ASSERTIONS} assertions", "assert less")
    checks = Checks(
        assertions=tuple(_assertion(each, values) for each in whole.asserts),
        threshold=whole.threshold.number("threshold") if whole.threshold else None,
    )
    if not any(each.weight for each in checks.assertions):
        raise test.refused("all assertions have the weight 0", "give one of them a weight")
    return Row(place=test.place, values={**values, EXPECTED: checks.expected, CHECKS: checks.as_text()})


def _variable(name: str, value: Value) -> str:
    if isinstance(value.data, list):
        raise value.refused(f"the variable {name!r} is a list of cases", "write one test for each")
    text = value.text(f"the variable {name!r}")
    if not text.startswith(FILE):
        # Promptfoo fills in what a variable names, too; here it stands for itself.
        return filled(text, {}, value)
    relative = text.removeprefix(FILE)
    if Path(relative).suffix not in (".txt", ".md"):
        raise value.refused(f"the variable {name!r} comes from {text!r}", "only .txt and .md files are read")
    place = inside(root_of(value.file), value.file.parent / relative, place=value.place, cure=_FIND)
    return read_text(place).strip()


def _assertion(value: Value, row: Mapping[str, str]) -> Assertion:
    _refuse_grader(value, "provider", "an assertion")
    fields = value.fields("an assertion", _ASSERTION)
    if "type" not in fields:
        raise value.refused("an assertion without a type", "write `type: contains`, for example")
    kind = fields["type"].text("type")
    if kind.removeprefix("not-") in ("python", "javascript", "ruby", "webhook"):
        raise value.refused(f"the assertion {kind!r} is not supported", _CODE)
    if kind.removeprefix("not-") in WORDS and "threshold" in fields and kind.removeprefix("not-") != RUBRIC:
        raise fields["threshold"].refused(f"a threshold of {kind!r} is not supported", "take it out")
    found = Assertion(
        type=kind,
        value=_asserted(fields["value"], kind, row) if "value" in fields else None,
        weight=fields["weight"].number("weight") if "weight" in fields else 1,
        threshold=fields["threshold"].number("threshold") if "threshold" in fields else None,
    )
    if problem := fault(found):
        raise value.refused(f"the assertion {kind!r}: {problem}")
    return found


def _asserted(value: Value, kind: str, row: Mapping[str, str]) -> JsonValue:
    """Return the value of an assertion, with the test's variables filled in."""
    data: JsonValue = value.data  # type: ignore[assignment]  # what YAML and JSON can say, tried on the next lines
    if kind.removeprefix("not-") in LISTS:
        texts = _divided(data) if isinstance(data, str) else [each.text("value") for each in value.items("value")]
        return [filled(text, row, value) for text in texts]
    if isinstance(data, dict | list):
        return _plain_json(value)
    if data is None:
        return None
    text = value.text("value")
    if text.startswith(FILE):
        raise value.refused(f"values from {text!r} are not supported", "write the value itself")
    return filled(text, row, value)


def _divided(text: str) -> list[str]:
    """Return what stands between the commas of a text."""
    return [quoted or plain.strip() for quoted, plain in _PART.findall(text) if quoted or plain.strip()]


def _plain_json(value: Value) -> JsonValue:
    """Return a list or a mapping as JSON has it. Raises `BadInput` when it holds what JSON, or we, cannot say."""
    try:
        text = json.dumps(value.data, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise value.refused(f"the value is no JSON ({error})", "write it out") from error
    if "{{" in text or "{%" in text:
        raise value.refused("variables inside of lists and mappings are not supported", "write one text")
    found: JsonValue = json.loads(text)
    return found
