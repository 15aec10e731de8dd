from __future__ import annotations

import pytest

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.policy import Move, Scores, Start, Told
from socratune.tools.search.turns import PERSISTENCE, Turns

ROOT, CHILD = CandidateId("root"), CandidateId("child")
START = Start(root=ROOT, operators=("socratic", "restart", "demos"), seed=0)
ROW = ExampleId("r1")


def told(operator: str, child: CandidateId | None, *, accepted: bool = False, reward: float = 0.0) -> Told:
    scores: Scores = {ROW: reward} if child else {}
    move = Move(operator=operator, parents=(ROOT,))
    return Told(move=move, child=child, accepted=accepted, scores=scores, cost=8.0)


def policy(*history: Told) -> Turns:
    made = Turns(START)
    made.tell(Told(move=Move(operator="seed", parents=()), child=ROOT, accepted=True, scores={ROW: 0.0}, cost=0.0))
    for each in history:
        made.tell(each)
    return made


def operator(*history: Told) -> str:
    (move,) = policy(*history).ask(1, subgoals=4)
    return move.operator


FAILED = [told("socratic", None)] * PERSISTENCE


def test_the_first_operator_leads_until_it_has_failed_more_than_once() -> None:
    assert operator() == "socratic"
    assert operator(*FAILED[:-1]) == "socratic"
    assert operator(*FAILED) == "restart"


def test_another_operator_has_one_move_and_the_next_turn_is_anothers() -> None:
    assert operator(*FAILED, told("restart", None)) == "socratic"
    assert operator(*FAILED, told("restart", None), *FAILED) == "demos"


def test_the_operator_that_paid_is_preferred_when_all_had_their_turn() -> None:
    tried = [*FAILED, told("restart", CHILD, accepted=True, reward=1.0), *FAILED, told("demos", None), *FAILED]
    assert operator(*tried) == "restart"


@pytest.mark.parametrize("winner", ["socratic", "restart"])
def test_whoever_brings_an_accepted_child_gives_the_lead_back_to_the_first(winner: str) -> None:
    after = policy(*FAILED, told(winner, CHILD, accepted=True, reward=1.0))
    (move,) = after.ask(1, subgoals=4)
    assert (move.operator, move.parents, move.focus) == ("socratic", (CHILD,), (0, 1, 2, 3))
    assert after.front() == (CHILD,)


def test_a_failure_of_another_operator_does_not_narrow_the_first_ones_step() -> None:
    (before,) = policy(*FAILED[:-1], FAILED[0], told("restart", None)).ask(1, subgoals=4)
    assert before.focus == (1, 3)


def test_without_other_operators_the_first_goes_on() -> None:
    alone = Turns(Start(root=ROOT, operators=("socratic",), seed=0))
    for each in FAILED * 2:
        alone.tell(each)
    assert alone.ask(1, subgoals=1)[0].operator == "socratic"
