"""Which children go on: the staged gate against the parent, and the race against the leader.

Pure functions of paired differences in reward, on dev rows that all candidates see in one shared random order. Passing
a gate is a reason to spend more calls on a child, never a claim that it is better.
"""

from __future__ import annotations

from collections.abc import Sequence

from socratune.tools.statistics import advantage, paired_gain

GATE_STAGES = ((8, -0.6), (16, 0.0), (32, 0.9))
"""Rows seen so far, and the paired gain that a child needs to see more."""
SURE = 1.64
"""Paired gain at which a child goes on before it has seen the rows of the last stage."""
RACE_Z = 1.64
"""Standard errors by which the leader must be ahead."""


def stages(rows: int, *, at_once: bool = False) -> tuple[tuple[int, float], ...]:
    """Return the gate for `rows` dev rows: sizes and margins, the last always with the full margin; empty for none.

    `at_once` has one stage, all rows.

    Stages with growing margins tell a better child from a worse one at fewer rows than one large minibatch. Against
    8, 24 and 56 rows with margins 0, .45 and .9, on a parent at 70 % (6,000 simulated edits each): a useless edit
    passes 24 % of the time instead of 25 (2 % of answers random) or 20 instead of 16 (20 % of rows flipping), one that
    gains 6 points 68 instead of 72 %, one that loses 5 points 5 instead of 2 %; for 20 to 28 rows instead of 26 to 46.
    """
    if rows <= 0:
        return ()
    if at_once:
        return ((rows, GATE_STAGES[-1][1]),)
    early = tuple((size, margin) for size, margin in GATE_STAGES[:-1] if size < rows)
    size, margin = GATE_STAGES[-1]
    return (*early, (min(size, rows), margin))


def passes(differences: Sequence[float], margin: float) -> bool:
    """Say whether child minus parent, in standard errors of an edit that changes nothing, reaches the margin."""
    return paired_gain(differences) >= margin


def settled(differences: Sequence[float]) -> bool:
    """Say whether the child is so far ahead that more rows would be wasted on the gate.

    With 20 % of the rows flipping by chance, the gate lets 15 % of useless edits pass with it and 13 % without, 4 and
    3 % of those that lose 5 points, and 65 and 64 % of those that gain 10 (40,000 simulated edits each).
    """
    return paired_gain(differences) >= SURE


def beaten(differences_leader_minus_other: Sequence[float]) -> bool:
    """Say whether the leader is so far ahead that the other need not see more rows; never on fewer than eight.

    Racing as in CAPO (arXiv 2504.16005), with a normal bound on the paired differences.
    """
    mean, error = advantage(differences_leader_minus_other)
    return len(differences_leader_minus_other) >= GATE_STAGES[0][0] and mean > RACE_Z * error
