"""How a run ended, put together from its ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from socratune.graphs.context import Plan, scored
from socratune.graphs.state import NOT_WORTH, NOTHING_LEFT, NOTHING_NEW, PATIENCE
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Candidate, CandidateId, Cluster, ExampleId, Prompt, Role, Status, Verdict
from socratune.tools.agreement import contradictions
from socratune.tools.search.policy import gain
from socratune.tools.statistics import sentence
from socratune.tools.unscored import unscored

SCHEMA_VERSION = 1
PLATEAU = (PATIENCE, NOTHING_NEW, NOT_WORTH)
"""Why a search ended that had budget left and failures to look at, and found no edit that brought more."""
_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two prompts that are compared."""

    id: CandidateId
    prompt: Prompt
    dev: float | None
    """Mean reward on the dev rows that both sides have seen; the number that chose, never the one that is reported."""
    test: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One accepted edit on the way from the seed to the finalist."""

    operator: str
    reason: str
    rules: tuple[str, ...]
    evidence: tuple[ExampleId, ...]
    gain: float
    """Mean paired difference to its parent on dev."""
    rows: int
    """Dev rows that both have seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The final record of a run."""

    run: str
    status: Status
    stop_reason: str
    recipe: str
    metric: str
    target: str
    optimizer: str
    judge: str | None
    """None when there was nobody to ask."""
    compared: bool
    """Whether the search, and not the test, went by a judge who compared answers with those of the user's prompt."""
    splits: Mapping[str, int]
    seed: Side
    best: Side
    dev_rows: int
    """Dev rows that both sides have seen."""
    verdict: Verdict | None
    """None when no candidate was worth the sealed rows."""
    spent: Mapping[Role, Spent]
    failed: Mapping[Role, int]
    """Attempts without an answer."""
    proposals_failed: int
    edits: int
    """Children that were judged, accepted or not."""
    accepted: int
    """Those of them that passed the gate."""
    lost_usd: float
    """Worst-case price of calls that were in flight when the process died; they may have been billed."""
    changes: tuple[Change, ...]
    preflight: Mapping[str, Any]
    warnings: tuple[str, ...]
    cached: int = 0
    remaining: tuple[Cluster, ...] = ()
    """Failures on train rows that were looked at last, when the search ended on a plateau."""
    passed_over: CandidateId | None = None
    """The last leader of the search when all of dev, or a shorter prompt, spoke for another finalist."""
    is_sealed: bool = True
    """Whether no test row was opened."""

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict is not None and self.verdict.n > 0:
            return sentence(self.verdict, run=self.run, pairs=self.pairs)
        sealed = ", so the test rows stay sealed" if self.is_sealed else ""
        return f"No reliable improvement: {self._why_untested}{sealed}."

    @property
    def _why_untested(self) -> str:
        if self.verdict is not None:
            return "no test row was answered under both prompts"
        if self.passed_over is not None:
            return "what passed the gate did not hold on the rest of dev"
        if self.accepted:
            return "nothing that passed the gate was ahead in the end"
        return "no edit got past the gate" if self.edits else "no edit was tried to the end"

    @property
    def left_over(self) -> str:
        """What more there is to gain, where the search ended because it found no way to it; empty otherwise."""
        if self.remaining:
            kinds = "; ".join(f"{len(each.example_ids)} x {each.signature}" for each in self.remaining)
            tried = f"{self.edits} edits were tried, and the last ones brought nothing"
            ceiling = f"A prompting ceiling was reached: {tried}"
            said = "Little is left to gain" if self.stop_reason == NOT_WORTH else ceiling
            return f"{said}. Failures that remain on train rows: {kinds}."
        if self.stop_reason != NOTHING_LEFT:
            return ""
        split, score, rows = "test", self.best.test, self.verdict.n if self.verdict else 0
        if score is None:
            split, score, rows = "dev", self.best.dev, self.dev_rows
        if score is None or score >= 1:
            return ""
        shown = f"{self.splits['train']} train rows show no failure that is left to mend"
        return f"The best found scores {score:.3f} on {rows} {split} rows, but the {shown}: label more rows."

    @property
    def pairs(self) -> bool:
        """Whether rewards say how an answer stands beside the user's own prompt's, which scores 0.5."""
        return self.metric == "pairwise"

    @property
    def prompt(self) -> Prompt:
        """What the run stands for: the new prompt only when it is proven, else the user's own."""
        return self.best.prompt if self.status == "improved" else self.seed.prompt

    @property
    def simulated(self) -> bool:
        """Whether no real model ran the prompt."""
        return self.target.startswith("sim:")

    @property
    def usd(self) -> float:
        """Paid for all roles."""
        return sum(spent.usd for spent in self.spent.values())

    @property
    def priced(self) -> bool:
        """Whether the price of every model that was called is known, so that `usd` is all that was paid."""
        return all(spent.priced for spent in self.spent.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        total = Spent.total(self.spent.values())
        promising = self.best.prompt.as_dict() if self.status == "promising" else None
        errors = {role: self.failed.get(role, 0) for role in ("target", "optimizer", "judge")}
        return {
            "schema_version": SCHEMA_VERSION,
            "run": self.run,
            "status": self.status,
            "stop_reason": self.stop_reason,
            "recipe": self.recipe,
            "splits": dict(self.splits),
            "seed": _side(self.seed),
            "best": _side(self.best),
            "dev_rows": self.dev_rows,
            "test": _test(self.verdict),
            "sentence": self.sentence,
            "calls": {"rollouts": total.rollouts, **_optimizer_calls(self.spent), "cached": self.cached},
            "tokens": {"in": total.tokens_in, "out": total.tokens_out, "cached": total.tokens_cached},
            "usd": round(self.usd, 6) if self.priced else None,
            "lost_usd": round(self.lost_usd, 6),
            "prompt": self.prompt.as_dict(),
            "candidate": promising,
            "errors": {**errors, "proposals": self.proposals_failed},
            "warnings": list(self.warnings),
            "remaining": [{"failures": len(each.example_ids), "signature": each.signature} for each in self.remaining],
            "changes": [asdict(change) for change in self.changes],
        }


def _side(side: Side) -> dict[str, Any]:
    return {"id": side.id, "dev": side.dev, "test": side.test}


def _test(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {name: value for name, value in asdict(verdict).items() if name != "status"}


def _optimizer_calls(spent: Mapping[Role, Spent]) -> dict[str, int]:
    return {role: spent[role].calls if role in spent else 0 for role in ("optimizer", "judge")}


def result_of(ledger: Ledger, *, cached: int = 0) -> Result:
    """Read the record of a run that has ended. Raises `ValueError` when it has not."""
    ended, settings = ledger.event("ended:"), ledger.settings()
    if ended is None:
        raise ValueError(f"run {ledger.run} has not ended")
    finalist, preflight = CandidateId(ended.body["finalist"]), ledger.event("preflight:")
    found = ledger.event("verdict:")
    verdict = Verdict(**found.body["verdict"]) if found else None
    return Result(
        run=ledger.run,
        status=verdict.status if verdict else "no_improvement",
        stop_reason=ended.body["stop"],
        verdict=verdict,
        spent=ledger.spent(),
        failed=ledger.failed(),
        lost_usd=sum(spent.usd for spent in ledger.spent(state="sent").values()),
        changes=_changes(ledger, finalist, settings),
        preflight=preflight.body if preflight else {},
        warnings=(*settings["warnings"], *unscored(ledger), *contradictions(*ledger.agreement())),
        cached=cached,
        remaining=_remaining(ledger) if ended.body["stop"] in PLATEAU else (),
        passed_over=_passed_over(ledger, finalist),
        is_sealed=ledger.event("test_opened:") is None,
        **_ordered(settings),
        **_sides(ledger, finalist, settings),
        **_counts(ledger),
    )


def _ordered(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was settled before the run began."""
    task = settings["task"]
    return {
        "recipe": settings["recipe"],
        **{name: task[name] for name in ("metric", "target", "optimizer")},
        "judge": task.get("judge"),
        "compared": settings.get("feedback") == "pairwise" and task["metric"] != "pairwise",
        "splits": settings["sizes"],
    }


def _sides(ledger: Ledger, finalist: CandidateId, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the two prompts that are compared; their means on dev are of the rows that both have seen."""
    verdict = ledger.event("verdict:")
    tested = verdict.body["means"] if verdict else {}
    ids = {"seed": CandidateId(settings["root"]), "best": finalist}
    dev = {name: _on_dev(ledger, each, settings) for name, each in ids.items()}
    shared = sorted(dev["seed"].keys() & dev["best"].keys())
    means = {name: sum(own[row] for row in shared) / len(shared) if shared else None for name, own in dev.items()}
    sides = {
        name: Side(id=each, prompt=ledger.candidate(each).prompt, dev=means[name], test=tested.get(name))
        for name, each in ids.items()
    }
    return {**sides, "dev_rows": len(shared)}


def _counts(ledger: Ledger) -> dict[str, Any]:
    """Return how many children were written in vain, judged and accepted; one that was judged twice counts once."""
    judged = ledger.events("judged")
    return {
        "proposals_failed": sum(bool(event.body["failed"]) for event in ledger.events("proposal")),
        "edits": len({event.body["child"] for event in judged}),
        "accepted": len({event.body["child"] for event in judged if event.body["accepted"]}),
    }


def _remaining(ledger: Ledger) -> tuple[Cluster, ...]:
    plans = ledger.events("plan")
    return _PLAN.validate_python(plans[-1].body["content"]).clusters if plans else ()


def _passed_over(ledger: Ledger, finalist: CandidateId) -> CandidateId | None:
    leaders = ledger.events("leader")
    last = CandidateId(leaders[-1].body["leader"]) if leaders else finalist
    return None if last == finalist else last


def _on_dev(ledger: Ledger, candidate: CandidateId, settings: Mapping[str, Any]) -> dict[ExampleId, float]:
    known = ledger.rollouts(candidate)
    return scored([known[row] for row in settings["rows"]["dev"] if row in known])


def _changes(ledger: Ledger, finalist: CandidateId, settings: Mapping[str, Any]) -> tuple[Change, ...]:
    lineage: list[Candidate] = []
    current = ledger.candidate(finalist)
    while current.parents:
        lineage.append(current)
        current = ledger.candidate(current.parents[0])
    dev = {each: _on_dev(ledger, each, settings) for step in lineage for each in (step.id, *step.parents)}
    return tuple(
        Change(
            operator=each.operator,
            reason=each.reason,
            rules=each.lessons,
            evidence=each.evidence,
            gain=gain(dev[each.id], dev[each.parents[0]]),
            rows=len(dev[each.id].keys() & dev[each.parents[0]].keys()),
        )
        for each in reversed(lineage)
    )
