"""What a person sees of a compare: what it may cost, and the tables at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.before import caps_of
from socratune.comparison_result import SEED, Compared, Line
from socratune.comparisons import Arm
from socratune.graphs.recipes import RECIPES
from socratune.listing import STATUSES
from socratune.memory.records import Budget
from socratune.options import Manner
from socratune.outcome import short
from socratune.progress import counted
from socratune.text import CAVEAT, plain
from socratune.tools.allotment import times
from socratune.tools.contest import Duel
from socratune.tools.statistics import looked_before


def before(arms: Sequence[Arm], seeds: int, budget: Budget, *, rows: int, alpha: float) -> list[str]:
    """Return what is said before the first call: the runs, what all may use together, and that rows are opened."""
    runs = len(arms) * seeds
    said = [
        f"{counted(runs, 'run')}: {', '.join(map(str, arms))}, each with {counted(seeds, 'seed')}",
        f"each run: {caps_of(budget)}; all together: {caps_of(times(budget, runs))}, and less where they ask the same",
        f"comparing opens {rows} sealed rows: that is one look, and a later test on them has less error left",
    ]
    again = looked_before(alpha)
    return [*said, f"{again}."] if alpha < 0.05 else said


def after(found: Compared, manner: Manner) -> RenderableType:
    """Return the tables at the end, and what is to be known of them."""
    return Group(_arms(found), Text(""), *_differences(found), *(Text(plain(line)) for line in _said(found, manner)))


def _arms(found: Compared) -> Table:
    shown = _table("recipe", "test", "90 %", "gain", "p", "statuses", "target", "optimizer", "tokens", "USD", "time")
    shown.add_column("prompt", justify="right", no_wrap=True)
    if found.seed:
        mean = sum(found.seed.values()) / len(found.seed)
        shown.add_row(SEED, f"{mean:.3f}", *[""] * 10)
    for line in found.lines:
        shown.add_row(line.name, *_score(line, found.gains.get(line.name)), *_uses(line))
    return shown


def _table(*names: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        shown.add_column(name, justify="left" if name in ("recipe", "statuses", "") else "right", no_wrap=True)
    return shown


def _score(line: Line, gain: Duel | None) -> tuple[str, str, str, str, str]:
    statuses = Counter(STATUSES.get(run.result.status, run.result.status) for run in line.runs)
    statuses.update(said.split(":")[0] for said in line.unended)
    told = ", ".join(f"{count} {status}" for status, count in statuses.items())
    if line.mean is None or line.interval is None or gain is None:
        return ("-", "-", "-", "-", told)
    low, high = line.interval
    return f"{line.mean:.3f}", f"{low:.2f} to {high:.2f}", _points(gain.verdict.difference), _p(gain.adjusted), told


def _uses(line: Line) -> tuple[str, ...]:
    if not line.runs:
        return ("-",) * 6
    minutes = sum(run.minutes for run in line.runs) / len(line.runs)
    return (
        f"{line.each('target', 'calls'):,.0f}",
        f"{line.each('optimizer', 'calls'):,.0f}",
        f"{line.total('tokens'):,.0f}",
        f"{line.total('usd'):.2f}" if line.priced else "?",
        f"{minutes * 60:.0f} s" if minutes < 5 else f"{minutes:.0f} min",
        f"{sum(run.length for run in line.runs) / len(line.runs):,.0f}",
    )


def _differences(found: Compared) -> Iterator[RenderableType]:
    if found.contest is None:
        return
    shown = _table("", "difference", f"{(1 - found.alpha) * 100:g} %", "p", "adjusted")
    for duel in found.contest.duels:
        low, high = duel.verdict.low, duel.verdict.high
        ends = f"{_points(low)} to {_points(high)}"
        pair = f"{duel.one} over {duel.other}"
        shown.add_row(pair, _points(duel.verdict.difference), ends, _p(duel.p), _p(duel.adjusted))
    yield shown
    yield Text("")


def _said(found: Compared, manner: Manner) -> Iterator[str]:
    yield from (f"{arm} was refused: {reason}" for arm, reason in found.refused.items())
    yield from (f"{line.name}: {said}" for line in found.lines for said in line.unended)
    if found.contest is not None:
        best = found.contest.best
        yield f"The winner: {found.winner}." if found.winner else f"No winner: {best} does not beat every other."
    beaten = ", ".join(found.better) or "nobody"
    rows = f"{found.rows} sealed rows, look {found.look}"
    yield f"Proven better than {SEED}: {beaten} ({rows}; p at most {found.alpha:.3g}, adjusted for all arms)."
    yield from _controls(found)
    yield from _differing(found)
    yield (
        f"Charged {_amount(found.charged.calls, found.charged.usd)} as if each ran alone; "
        f"really paid {_amount(found.paid.calls, found.paid.usd)}."
    )
    if (folder := manner.place.compare(found.id)) is not None:
        runs = short(folder.path / "runs")
        yield f"Prompt, report and ledger of each run: {runs}; its best.yaml is a task file with the prompt"
    if found.status in ("interrupted", "paused", "failed"):
        yield f"Go on: {manner.command('resume', found.id)}"
    if found.simulated:
        yield CAVEAT


def _controls(found: Compared) -> Iterator[str]:
    for line in found.lines:
        recipe = line.name.split(" (")[0]
        if line.shuffled and line.name in found.gains and recipe in found.gains:
            real, control = (found.gains[name].verdict.difference for name in (recipe, line.name))
            yield f"{recipe} gains {_points(real)} from its errors, {_points(control)} from shuffled ones."


def _differing(found: Compared) -> Iterator[str]:
    for line in found.lines:
        recipe = RECIPES.get(line.name)
        if recipe is not None and recipe.differs:
            yield f"{line.name} is our reading. It differs: {recipe.differs}"


def _amount(calls: int, usd: float) -> str:
    return f"{calls:,} calls, {usd:.2f} USD"


def _points(share: float) -> str:
    return f"{round(share * 100):+d}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<.001"
