"""What a person sees of a compare: what it may cost and could prove, and the tables at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.before import Outlook, caps_of
from socratune.comparison_arms import Line
from socratune.comparison_result import SEED, Compared
from socratune.comparisons import Comparison
from socratune.graphs.recipes import RECIPES
from socratune.listing import STATUSES
from socratune.memory.records import Role
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.outcome import short
from socratune.progress import counted
from socratune.text import CAVEAT, plain
from socratune.tools.allotment import times
from socratune.tools.contest import Duel
from socratune.tools.forecast import Range
from socratune.tools.statistics import ALPHA, alpha_for_look, detectable, looked_before


def before(comparison: Comparison, outlook: Outlook, earlier: RunFolder | None) -> Iterator[str]:
    """Yield what is said before the first call: who runs, what all may use together, and what the rows could prove.

    `earlier` is a compare of the same task that has ended.
    """
    runs, arms, rows = len(comparison.runs), comparison.arms, len(comparison.look.rows)
    yield from (f"{arm} is left out: {reason}" for arm, reason in comparison.refused.items())
    yield f"{counted(runs, 'run')}: {', '.join(map(str, arms))}, each with {counted(len(comparison.seeds), 'seed')}"
    together = caps_of(times(outlook.budget, runs))
    yield f"each run: {caps_of(outlook.budget)}; all together: {together}, and less where they ask the same"
    yield f"forecast: {_forecast(outlook.forecast.total, runs)} together, if each is like a run of auto"
    yield f"comparing opens {rows} sealed rows: that is one look, and a later test on them has less error left"
    yield _proof(comparison, pairs=outlook.loaded.task.metric == "pairwise")
    alpha = alpha_for_look(comparison.look.number)
    if alpha < ALPHA:
        yield f"{looked_before(alpha)}."
    if earlier is not None:
        yield f"{earlier.id} had the same task, and what it found is in {short(earlier.result)}: this one is a new look"


def _forecast(run: Range, runs: int) -> str:
    low, high = run.low, run.high
    calls = f"{low.calls * runs:,} to {high.calls * runs:,} calls"
    if low.usd is None or high.usd is None:
        return f"{calls} at a price that is not known"
    return f"{calls} for {low.usd * runs:,.2f} to {high.usd * runs:,.2f} USD"


def _proof(comparison: Comparison, *, pairs: bool) -> str:
    """Say what the rows can prove whatever the other arms show: by the first step of Holm, two-sided between arms.

    Of `pairs` a row moves by one half at most from the user's own prompt, which scores 0.5 on each.
    """
    rivals, rows = sum(not arm.shuffled for arm in comparison.arms), len(comparison.look.rows)
    alpha, what, where, reach = alpha_for_look(comparison.look.number), "gain", f"over {SEED}", 0.5 if pairs else 1.0
    if rivals > 1:
        what, where, reach = "difference", f"between the best and another of {rivals} recipes", 1.0
        alpha /= 2 * (rivals - 1)
    likely, even = (detectable(rows, power=power, alpha=alpha) for power in (0.8, 0.5))
    if likely >= 1:
        return f"{rows} sealed rows are too few to prove any {what} {where} with an 80 % chance"
    sure, half = (f"{round(share * reach * 100)} points" for share in (likely, even))
    alone = ", with one seed each" if len(comparison.seeds) > 1 else ""
    said = f"a {what} of {sure} {where} has an 80 % chance to be proven, {half} an even one"
    return f"on {rows} sealed rows, {said}{alone}"


def after(found: Compared, manner: Manner) -> RenderableType:
    """Return the tables at the end and what is to be known of them; of runs that were cut off only how to go on."""
    blank = Text("")
    if not found.is_whole:
        return Group(_standing(found), blank, *_lines(_cut_off(found, manner)))
    return Group(_scores(found), blank, _uses(found), blank, *_differences(found), *_lines(_found(found, manner)))


def _lines(said: Iterator[str]) -> Iterator[Text]:
    return (Text(plain(line)) for line in said)


def _table(*names: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    words = ("recipe", "seeds", "statuses", "")
    for name in names:
        shown.add_column(name, justify="left" if name in words else "right", no_wrap=name not in ("seeds", "statuses"))
    return shown


def _scores(found: Compared) -> Table:
    shown = _table("recipe", "test", "90 %", "gain", "p", "seeds", "statuses")
    if found.seed:
        shown.add_row(SEED, f"{sum(found.seed.values()) / len(found.seed):.3f}")
    for line in found.lines:
        shown.add_row(line.name, *_score(line, found.gains.get(line.name)), _seeds(line), _statuses(line))
    return shown


def _score(line: Line, gain: Duel | None) -> tuple[str, str, str, str]:
    if line.mean is None or line.interval is None:
        return ("-", "-", "-", "-")
    low, high = line.interval
    gained = ("-", "-") if gain is None else (_points(gain.verdict.difference), _p(gain.adjusted))
    return (f"{line.mean:.3f}", f"{low:.2f} to {high:.2f}", *gained)


def _seeds(line: Line) -> str:
    """Return the scores of its runs, in the order of their seeds: `.91 .88 1.0`."""
    scores = (run.score for run in line.runs)
    return " ".join("-" if score is None else f"{score:.2f}".removeprefix("0")[:3] for score in scores)


def _statuses(line: Line) -> str:
    return ", ".join(f"{count} {STATUSES.get(status, status)}" for status, count in line.statuses.items())


def _standing(found: Compared) -> Table:
    shown = _table("recipe", "statuses")
    for line in found.lines:
        shown.add_row(line.name, _statuses(line))
    return shown


def _uses(found: Compared) -> Table:
    roles: list[Role] = ["target", "optimizer"]
    if any(line.each("judge", "calls") for line in found.lines):
        roles.append("judge")
    shown = _table("a run of", *roles, "tokens", "USD", "time", "prompt")
    shown.columns[0].justify = "left"
    for line in found.lines:
        calls = (f"{line.each(role, 'calls'):,.0f}" for role in roles)
        usd = f"{line.total('usd'):.2f}" if line.priced else "?"
        shown.add_row(line.name, *calls, f"{line.total('tokens'):,.0f}", usd, _time(line), f"{line.length:,.0f}")
    return shown


def _time(line: Line) -> str:
    return f"{line.minutes * 60:.0f} s" if line.minutes < 5 else f"{line.minutes:.0f} min"


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


def _found(found: Compared, manner: Manner) -> Iterator[str]:
    """Yield the verdicts, and what stands behind them."""
    yield from _lacking(found)
    yield from _proven(found)
    yield from _controls(found)
    yield from _differing(found)
    yield from _paid(found)
    if (folder := manner.place.compare(found.id)) is not None:
        runs = short(folder.path / "runs")
        yield f"Prompt, report and ledger of each run: {runs}; its best.yaml is a task file with the prompt"
        yield from _use(found, manner)
    if found.simulated:
        yield CAVEAT


def _use(found: Compared, manner: Manner) -> Iterator[str]:
    """Yield how to take a prompt into use, and why that one; nothing when no recipe beats the user's own."""
    run = found.pick
    if run is None:
        return
    if run.is_proven:
        yield f"Use a prompt: {manner.command('apply', run.run)}"
        yield "Of that recipe's seeds that are proven alone, it has the best dev score."
    else:
        yield f"Use a prompt: {manner.command('test', run.run, '--data', 'new.csv')}"
        yield "No seed of that recipe is proven alone, so it takes fresh rows first; this one has the best dev score."


def _lacking(found: Compared) -> Iterator[str]:
    """Yield the arms with too few rows, and what can be done about it."""
    for name, rows in found.lacking.items():
        consequence = "No verdict" if not found.scored else "Not counted"
        held = f"{name} has scores of all its runs on {rows} of {counted(found.rows, 'sealed row')}"
        cause = "its test was cut by its budget, or it got no answers"
        yield f"{consequence}: {held} ({cause}); raise the cap, or see to the answers, and compare again."


def _proven(found: Compared) -> Iterator[str]:
    if not found.scored:
        return
    if found.contest is not None:
        best = found.contest.best
        yield f"The winner: {found.winner}." if found.winner else f"No winner: {best} does not beat every other."
        if len(found.contest.duels) > 1:
            yield f"A single difference is a little too sure, for these very rows chose {best}; a winner is not."
    beaten = ", ".join(found.better) or "nobody"
    rows = f"{found.rows} sealed rows, look {found.look}"
    yield f"Proven better than {SEED}: {beaten} ({rows}; p at most {found.alpha:.3g}, adjusted for all recipes)."


def _cut_off(found: Compared, manner: Manner) -> Iterator[str]:
    """Yield why runs have no result, what is paid so far, and how to go on."""
    yield from (" ".join(str(run).split()) for line in found.lines for run in line.unended if run.why)
    folder = manner.place.compare(found.id)
    if folder is not None and folder.log.exists():
        yield f"Its log: {short(folder.log)}"
    yield from _paid(found)
    yield "Nothing is compared before every run has a result."
    yield f"Go on: {manner.command('resume', found.id)}"
    if found.simulated:
        yield CAVEAT


def _paid(found: Compared) -> Iterator[str]:
    """Yield which arms were refused, which calls failed, and what all cost."""
    yield from (f"{arm} was refused: {reason}" for arm, reason in found.refused.items())
    for line in found.lines:
        if failed := sum(line.failed.values()):
            yield f"{line.name}: {counted(failed, 'attempt')} at a call gave no answer ({_by_role(line.failed)})."
    prices = " These prices are simulated; nothing was paid." if found.simulated else ""
    yield (
        f"Charged {_amount(found.charged.calls, found.charged.usd, found)} as if each ran alone; "
        f"really paid {_amount(found.paid.calls, found.paid.usd, found)}.{prices}"
    )


def _by_role(failed: Mapping[Role, int]) -> str:
    return ", ".join(f"{count:,} of the {role}" for role, count in failed.items() if count)


def _controls(found: Compared) -> Iterator[str]:
    for line in found.lines:
        recipe = line.arm.recipe
        if line.arm.shuffled and line.name in found.gains and recipe in found.gains:
            real, control = (found.gains[name].verdict.difference for name in (recipe, line.name))
            yield (
                f"{recipe} gains {_points(real)} from its errors, {_points(control)} from shuffled ones; "
                "the difference of the two has no test."
            )


def _differing(found: Compared) -> Iterator[str]:
    for line in found.lines:
        recipe = RECIPES.get(line.arm.recipe)
        if recipe is not None and recipe.differs and not line.arm.shuffled:
            yield f"{line.name} is our reading. It differs: {recipe.differs}"


def _amount(calls: int, usd: float, found: Compared) -> str:
    return f"{calls:,} calls, {f'{usd:.2f} USD' if found.priced else 'USD not known'}"


def _points(share: float) -> str:
    return f"{round(share * 100):+d}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "<.001"
