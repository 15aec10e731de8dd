from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.allocation import Arm
from socratune.tools.search.races import Crowd, Paired, beats

A, B, C = (CandidateId(each) for each in "abc")


def arm(*rewards: float, is_new: bool = True) -> Arm:
    scores = {ExampleId(f"r{row}"): reward for row, reward in enumerate(rewards)}
    return Arm(asked=len(rewards), scores=scores, is_new=is_new)


def test_a_race_goes_on_by_blocks_of_sixteen_rows_up_to_those_of_the_gate() -> None:
    asked = []
    seen = 0
    while pulls := Paired().pulls({A: arm(*[1, 0] * (seen // 2)), B: arm(*[1, 0] * (seen // 2))}, rows=100):
        seen = pulls[A]
        assert pulls == {A: seen, B: seen}
        asked.append(seen)
    assert asked == [16, 32]


def test_whoever_has_seen_fewest_is_brought_up_first() -> None:
    assert Paired().pulls({A: arm(*[1] * 8), B: arm(*[1] * 24)}, rows=100) == {A: 24}


def test_who_is_clearly_beaten_sees_no_more_rows() -> None:
    good, close, bad = arm(*[1] * 16), arm(*[1] * 15, 0), arm(*[0] * 16)
    assert Paired().pulls({A: good, B: close, C: bad}, rows=100) == {A: 32, B: 32}
    assert Paired().pulls({A: good, C: bad}, rows=100) == {}


def test_who_fell_out_early_stays_out_when_others_have_seen_more() -> None:
    good, later_worse, out = arm(*[1] * 32), arm(*[1] * 16, *[0] * 16), arm(*[0] * 16)
    assert Paired().kept({A: good, B: later_worse, C: out}) == (A,)
    assert Paired().pulls({A: good, B: later_worse, C: out}, rows=100) == {}


def test_nobody_falls_out_on_fewer_than_eight_shared_rows() -> None:
    assert Paired().pulls({A: arm(*[1] * 7), B: arm(*[0] * 7)}, rows=100) == {A: 23, B: 23}


def test_a_crowd_drops_only_whom_as_many_beat_as_are_kept() -> None:
    best, second, third = arm(*[1] * 16), arm(*[1] * 12, *[0] * 4), arm(*[0] * 16)
    assert Crowd(keep=2).pulls({A: best, B: second, C: third}, rows=16) == {}
    assert Crowd(keep=2).kept({A: best, B: second, C: third}) == (A, B)
    assert set(Crowd(keep=1).kept({A: best, B: second, C: third})) == {A}


def test_a_crowd_is_more_lenient_than_the_leader_alone() -> None:
    ahead, behind = arm(*[1] * 14, 0, 0), arm(*[1] * 12, *[0] * 4)
    assert beats(ahead, behind, z=0.84)
    assert not beats(ahead, behind, z=1.64)


@given(rewards=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=30))
def test_two_never_beat_each_other(rewards: list[tuple[int, int]]) -> None:
    one, other = (arm(*[float(pair[side]) for pair in rewards]) for side in (0, 1))
    assert not (beats(one, other, z=0.84) and beats(other, one, z=0.84))
