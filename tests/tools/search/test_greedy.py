from __future__ import annotations

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import Move, Start, Told

ROOT, BETTER, LATER = (CandidateId(each) for each in ("root", "better", "later"))
MOVE = Move(operator="socratic", parents=(ROOT,))
FAILED = Told(move=MOVE, child=None, accepted=False, scores={}, cost=0.0)


def told(child: CandidateId, reward: float) -> Told:
    return Told(move=MOVE, child=child, accepted=True, scores={ExampleId("r1"): reward}, cost=1.0)


def policy(*history: Told) -> Greedy:
    made = Greedy(Start(root=ROOT, operators=("socratic",), seed=0))
    for each in history:
        made.tell(each)
    return made


def focus(*history: Told, subgoals: int = 5, n: int = 1) -> list[tuple[int, ...]]:
    return [move.focus for move in policy(*history).ask(n, subgoals=subgoals)]


def leader(*history: Told) -> CandidateId:
    return policy(*history).ask(1, subgoals=1)[0].parents[0]


def test_the_first_move_takes_the_whole_plan_from_the_seed() -> None:
    (move,) = policy().ask(3, subgoals=4)
    assert (move.operator, move.parents, move.focus) == ("socratic", (ROOT,), (0, 1, 2, 3))


def test_each_failure_narrows_the_step_to_halves_and_then_to_single_sub_goals() -> None:
    steps = [focus(*[FAILED] * failures)[0] for failures in range(9)]
    assert steps == [(0, 1, 2, 3, 4), (0, 2, 4), (1, 3), (0,), (1,), (2,), (3,), (4,), (0,)]


def test_a_success_widens_the_step_again() -> None:
    assert focus(FAILED, FAILED, told(BETTER, 0.5)) == [(0, 1, 2, 3, 4)]


def test_after_a_failure_several_moves_try_what_would_come_next() -> None:
    assert focus(FAILED, n=3) == [(0, 2, 4), (1, 3), (0,)]


def test_a_plan_of_one_sub_goal_cannot_be_narrowed() -> None:
    assert focus(FAILED, FAILED, FAILED, subgoals=1, n=3) == [(0,)]


def test_the_last_child_that_the_gate_accepted_leads() -> None:
    assert leader(told(BETTER, 0.5)) == BETTER
    assert leader(told(BETTER, 0.5), FAILED, told(LATER, 0.4)) == LATER


def test_a_child_that_was_rejected_never_leads() -> None:
    assert leader(Told(move=MOVE, child=BETTER, accepted=False, scores={ExampleId("r1"): 1.0}, cost=8.0)) == ROOT
