"""What is read from the ledger of a run that has ended: its result, and what it taught."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from socratune.graphs.learning import learn
from socratune.graphs.result import result_of
from socratune.memory.ledger import Event, Ledger
from socratune.memory.lessons import Lessons
from socratune.memory.records import Candidate, CandidateId, ExampleId, Prompt, Rollout, Task
from socratune.tools.statistics import compare

SEED, ONE, OTHER = (Candidate(prompt=Prompt(user=f"{words} {{{{word}}}}")) for words in ("Say", "Shout", "Sing"))
TASK = Task(
    name="words", goal="Say it.", prompt=SEED.prompt, variables=("word",), metric="exact", target="t", optimizer="o"
)
SETTINGS = {
    "root": SEED.id,
    "recipe": "auto",
    "rows": {"dev": ["r1", "r2", "r3"]},
    "sizes": {"train": 3, "dev": 3, "test": 3},
    "warnings": [],
    "task": {"metric": "exact", "target": "t", "optimizer": "o"},
}


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A run with two candidates beside the seed, of which nothing was recorded yet."""
    with closing(Ledger.open(tmp_path / "ledger.db", "run")) as made:
        made.begin_run(SETTINGS)
        for each in (SEED, ONE, OTHER):
            await made.add_candidate(each)
        yield made


async def judged(ledger: Ledger, number: int, child: CandidateId, *, accepted: bool) -> None:
    """Record what came of a child in a round."""
    body = {"child": child, "accepted": accepted, "gain": 0.1, "round": number, "content": {"rules": []}}
    await ledger.record(Event(key=f"judged:{number} {child}", kind="judged", body=body))


async def led(ledger: Ledger, number: int, leader: CandidateId, *, gain: float) -> None:
    """Record who leads since a round."""
    await ledger.record(Event(key=f"leader:{number}", kind="leader", body={"leader": leader, "gain": gain}))


async def ended(ledger: Ledger, finalist: CandidateId) -> None:
    """Record the end."""
    await ledger.record(Event(key="ended:", kind="ended", body={"stop": "rounds", "finalist": finalist}))


def test_a_run_that_goes_on_has_no_result(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="run has not ended"):
        result_of(ledger)


async def test_accepted_edits_are_counted_once_each_whether_or_not_they_led(ledger: Ledger) -> None:
    await judged(ledger, 1, ONE.id, accepted=False)
    await judged(ledger, 2, ONE.id, accepted=True)
    await judged(ledger, 2, OTHER.id, accepted=True)
    for number, leader in enumerate((ONE.id, SEED.id, ONE.id), start=2):
        await led(ledger, number, leader, gain=0.1)
    await ended(ledger, ONE.id)
    result = result_of(ledger)
    assert (result.edits, result.accepted) == (2, 2)


async def test_a_run_without_a_test_says_how_far_its_edits_came(ledger: Ledger) -> None:
    await ended(ledger, SEED.id)
    assert "no edit was tried to the end, so the test rows stay sealed" in result_of(ledger).sentence
    await judged(ledger, 1, ONE.id, accepted=False)
    assert "no edit got past the gate" in result_of(ledger).sentence
    await judged(ledger, 2, OTHER.id, accepted=True)
    assert "nothing that passed the gate was ahead in the end" in result_of(ledger).sentence
    await led(ledger, 2, OTHER.id, gain=0.1)
    assert "what passed the gate did not hold on the rest of dev" in result_of(ledger).sentence


async def test_a_test_in_which_no_row_was_answered_does_not_speak_of_the_gate(ledger: Ledger) -> None:
    await judged(ledger, 1, ONE.id, accepted=True)
    await ledger.record(Event(key="test_opened:", kind="test_opened", body={"rows": 3}))
    means = {"seed": 0.0, "best": 0.0}
    await ledger.record(
        Event(key="verdict:", kind="verdict", body={"verdict": asdict(compare([], [])), "means": means})
    )
    await ended(ledger, ONE.id)
    said = "No reliable improvement: no test row was answered under both prompts."
    assert result_of(ledger).sentence == said


async def test_both_sides_are_scored_on_the_dev_rows_that_both_have_seen(ledger: Ledger) -> None:
    for candidate, rewards in ((SEED.id, {"r1": 0.0, "r2": 1.0}), (ONE.id, {"r2": 0.0, "r3": 1.0})):
        new = [Rollout(candidate_id=candidate, example_id=ExampleId(row), reward=got) for row, got in rewards.items()]
        await ledger.add_rollouts(new)
    await ended(ledger, ONE.id)
    result = result_of(ledger)
    assert (result.seed.dev, result.best.dev, result.dev_rows) == (1.0, 0.0, 1)
    assert (result.seed.id, result.best.prompt, result.best.test) == (SEED.id, ONE.prompt, None)


async def test_each_prompt_that_led_is_remembered_once_with_its_last_gain_and_the_users_own_never(
    ledger: Ledger, tmp_path: Path
) -> None:
    for number, (leader, gain) in enumerate(((ONE.id, 0.3), (SEED.id, 0.0), (OTHER.id, 0.2), (ONE.id, 0.1)), start=1):
        await led(ledger, number, leader, gain=gain)
    with closing(Lessons.open(tmp_path / "memory.db")) as lessons:
        learn(ledger, lessons, TASK)
        kept = {lesson.text: (lesson.gain, lesson.gate) for lesson in lessons.all("prompt")}
    assert kept == {
        "Say it.\nShout {{word}}": (0.1, "leader:4"),
        "Say it.\nSing {{word}}": (0.2, "leader:3"),
    }
