"""How the leader of a run stands against the user's own prompt, read from the ledger while the run goes on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from socratune.memory.ledger import Ledger
from socratune.memory.records import CandidateId, Prompt
from socratune.memory.runs import RunFolder
from socratune.tools.statistics import advantage, interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The leader's paired gain over the seed on the dev rows that both have seen."""

    prompt: Prompt
    gain: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        ends = f"{round(self.low * 100)} to {round(self.high * 100)}"
        return f"{round(self.gain * 100):+d} points on {self.rows} dev rows (90 % about {ends}); dev, not the verdict"


def opened(folder: RunFolder) -> closing[Ledger]:
    """Open the ledger of a run for reading, and close it at the end of the `with`."""
    return closing(Ledger.open(folder.ledger, folder.id))


def standing(ledger: Ledger) -> Standing | None:
    """Return how the last leader stands; None while the user's own prompt leads."""
    leaders = ledger.events("leader")
    if not leaders:
        return None
    settings, leader = ledger.settings(), CandidateId(leaders[-1].body["leader"])
    old, new = ledger.rollouts(CandidateId(settings["root"])), ledger.rollouts(leader)
    pairs = [(old[row].reward, new[row].reward) for row in settings["rows"]["dev"] if row in old and row in new]
    gained = [after - before for before, after in pairs if before is not None and after is not None]
    low, high = interval(gained)
    prompt = ledger.candidate(leader).prompt
    return Standing(prompt=prompt, gain=advantage(gained)[0], low=low, high=high, rows=len(gained))
