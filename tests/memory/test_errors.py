from __future__ import annotations

import re
from pathlib import Path

import pytest

from socratune.memory import errors
from socratune.memory.errors import (
    BadInput,
    BudgetExhausted,
    FinalFailure,
    Interrupted,
    MalformedReply,
    Paused,
    RunOwned,
    SocratuneError,
    TransientFailure,
)

ROOT = Path(errors.__file__).resolve().parents[1]
ROOTS = {"SocratuneError", "CallFailed"}
TYPES = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, SocratuneError)}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BadInput("no column 'x'", place="rows.csv:1", cure="add it"), "rows.csv:1: no column 'x'; add it"),
        (BadInput("no rows"), "no rows"),
        (TransientFailure("sim:a", "overloaded", retry_after=2.0), "sim:a: overloaded"),
        (FinalFailure("sim:a", "refused"), "sim:a: refused"),
        (FinalFailure("openai:a@http://h/v1#a9636e1a", "refused"), "openai:a@http://h/v1: refused"),
        (
            MalformedReply("critic", "there is no JSON object", "I'm sorry"),
            'critic reply is not in the asked form (there is no JSON object): "I\'m sorry"',
        ),
        (BudgetExhausted("usd"), "the usd budget is used up"),
        (Paused("5 proposals in a row failed"), "5 proposals in a row failed"),
        (Interrupted(), "interrupted"),
        (RunOwned("desk-1", "pid 7"), "run desk-1 is held by pid 7; wait for it or stop it first"),
    ],
)
def test_an_error_says_in_one_line_what_is_wrong(error: SocratuneError, message: str) -> None:
    assert str(error) == message
    assert "\n" not in message


def test_a_long_reply_is_quoted_only_in_part_and_kept_whole() -> None:
    error = MalformedReply("critic", "cut", "x" * 10_000)
    assert len(str(error)) < 300
    assert len(error.reply) == 10_000


def test_every_type_of_error_is_raised_somewhere() -> None:
    folders = [ROOT / name for name in ("memory", "tools", "agents", "graphs", "src/socratune")]
    files = [file for folder in folders for file in folder.glob("*.py") if file.name != "errors.py"]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    unused = {name for name in TYPES - ROOTS if not re.search(rf"\b{name}\(|\({name}\):", source)}
    assert not unused


def test_the_drawn_tree_names_every_type() -> None:
    assert all(name in (errors.__doc__ or "") for name in TYPES)
