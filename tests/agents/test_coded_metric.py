"""Metrics that are the user's own code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from socratune.agents.coded import Coded
from socratune.memory.errors import FinalFailure, Paused
from socratune.memory.records import Example, ExampleId
from socratune.tools.usercode.reference import find_code

METRICS = """\
import math
from types import SimpleNamespace

def ours(output: str, row: dict):
    return {"score": float(output == row["queue"]), "feedback": f"{row['ticket']} from {row['day']}"}

async def waited(output, row):
    return output == row["queue"]

def get_assert(output, context):
    wanted = context["vars"]["queue"]
    return {"pass": output == wanted, "score": 0.5, "reason": context["test"]["vars"]["day"]}

def gepa(gold, pred, trace=None, pred_name=None, pred_trace=None):
    same = gold.queue == pred.output == pred["queue"] == pred.whatever
    return SimpleNamespace(score=0.25 if same else 0, feedback=gold["day"])

def dspy(example, pred, trace=None):
    return example.queue == pred.queue

def above(output, row):
    return 1.5

def no_number(output, row):
    return math.nan

def nothing(output, row):
    pass

def words(output, row):
    return "good"

def breaks(output, row):
    return row["qeue"] == output

def mostly(output, row):
    return 1 if output != "bad" else row["qeue"]
"""
ROW = Example(
    id=ExampleId("r1"),
    inputs={"ticket": "Where?"},
    expected="shipping",
    group="g",
    extra={"queue": "shipping", "day": "monday"},
)


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder, self.opened = folder, list[Coded]()

    def metric(self, function: str) -> Coded:
        self.opened.append(Coded.of(find_code(f"python:metrics.py:{function}", self.folder, place="")))
        return self.opened[-1]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    (tmp_path / "metrics.py").write_text(METRICS)
    made = Shelf(tmp_path)
    yield made
    for each in made.opened:
        await each.aclose()


@pytest.mark.parametrize(
    ("function", "reward", "feedback"),
    [
        ("ours", 1.0, "Where? from monday"),
        ("waited", 1.0, ""),
        ("get_assert", 0.5, "monday"),
        ("gepa", 0.25, "monday"),
        ("dspy", 1.0, ""),
    ],
)
async def test_a_metric_is_called_as_its_signature_asks(
    shelf: Shelf, function: str, reward: float, feedback: str
) -> None:
    score = await shelf.metric(function).score("shipping", ROW, phase="search")
    assert (score.reward, score.feedback) == (reward, feedback)


async def test_a_score_below_one_without_words_says_what_was_expected(shelf: Shelf) -> None:
    score = await shelf.metric("waited").score("sales", ROW, phase="search")
    assert (score.reward, score.feedback) == (0.0, "expected 'shipping', got 'sales'")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("above", "the metric returned 1.5, which is no score in [0, 1] (metrics.py:21)"),
        ("no_number", "the metric returned nan, which is no score in [0, 1] (metrics.py:24)"),
        ("nothing", "the metric returned None and not a score (metrics.py:27)"),
        ("words", "the metric returned a str and not a score (metrics.py:30)"),
        ("breaks", "the metric raised KeyError: 'qeue' (metrics.py:34)"),
    ],
)
async def test_what_is_no_score_is_a_missing_reward_and_names_file_and_line(
    shelf: Shelf, function: str, told: str
) -> None:
    with pytest.raises(FinalFailure) as failed:
        await shelf.metric(function).score("sales", ROW, phase="search")
    assert failed.value.reason == told


async def test_a_metric_that_scores_none_of_the_first_outputs_pauses_the_run(shelf: Shelf) -> None:
    metric = shelf.metric("breaks")
    for _ in range(9):
        with pytest.raises(FinalFailure):
            await metric.score("sales", ROW, phase="search")
    with pytest.raises(Paused, match="'qeue'"):
        await metric.score("sales", ROW, phase="search")


async def test_a_metric_that_scores_too_few_of_the_first_outputs_pauses_the_run(shelf: Shelf) -> None:
    metric = shelf.metric("mostly")
    for _ in range(15):
        await metric.score("good", ROW, phase="search")
    for _ in range(4):
        with pytest.raises(FinalFailure):
            await metric.score("bad", ROW, phase="search")
    with pytest.raises(Paused, match=r"5 of the first 20 outputs .* row r1: .*'qeue' .*start a new run"):
        await metric.score("bad", ROW, phase="search")


async def test_a_metric_that_has_scored_once_is_not_taken_for_broken(shelf: Shelf) -> None:
    metric = shelf.metric("mostly")
    assert (await metric.score("good", ROW, phase="search")).reward == 1.0
    for _ in range(12):
        with pytest.raises(FinalFailure, match="qeue"):
            await metric.score("bad", ROW, phase="search")
