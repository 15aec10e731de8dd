from __future__ import annotations

from collections.abc import Mapping

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import Move, Start, Told

ROOT, BETTER, LATER = (CandidateId(each) for each in ("root", "better", "later"))
START = Start(root=ROOT, operators=("socratic", "mutate"), seed=1)


def came_of(child: CandidateId | None, rewards: Mapping[str, float], *, accepted: bool) -> Told:
    scores = {ExampleId(row): reward for row, reward in rewards.items()}
    move = Move(operator="socratic", parents=(ROOT,) if child != ROOT else ())
    return Told(move=move, child=child, accepted=accepted, scores=scores, cost=1.0)


def told(child: CandidateId, reward: float) -> Told:
    return came_of(child, {"r1": reward}, accepted=True)


SEED = told(ROOT, 0.2)
FAILED = came_of(None, {}, accepted=False)


def policy(*history: Told) -> Greedy:
    made = Greedy(START)
    for each in (SEED, *history):
        made.tell(each)
    return made


def focus(*history: Told, subgoals: int = 5, n: int = 1) -> list[tuple[int, ...]]:
    return [move.focus for move in policy(*history).ask(n, subgoals=subgoals)]


def leader(*history: Told) -> CandidateId:
    return policy(*history).ask(1, subgoals=1)[0].parents[0]


def test_the_first_move_takes_the_whole_plan_from_the_seed_with_the_first_operator() -> None:
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


def test_a_child_leads_when_it_was_accepted_and_is_ahead() -> None:
    assert leader(told(BETTER, 0.5)) == BETTER
    assert leader(told(BETTER, 0.5), FAILED, told(LATER, 0.6)) == LATER
    assert leader(told(BETTER, 0.5), told(LATER, 0.4)) == BETTER


def test_a_child_that_was_rejected_never_leads() -> None:
    assert leader(came_of(BETTER, {"r1": 1.0}, accepted=False)) == ROOT


def test_an_accepted_child_that_is_no_better_counts_as_a_failure() -> None:
    assert focus(told(LATER, 0.2)) == [(0, 2, 4)]
