"""What a person is told before the first call: the rows, what they can prove, and what the run may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.agreement import Sending
from socratune.given_orders import Models
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget, Example, Role, Task
from socratune.memory.runs import Home
from socratune.outcome import short
from socratune.sealed import look_at, sealed_groups
from socratune.text import one_line, plain
from socratune.tools.allotment import TEST_SHARE, allot
from socratune.tools.bill import unpriced
from socratune.tools.forecast import Forecast, Range, forecast, scoring
from socratune.tools.metrics import judgements_each
from socratune.tools.model_spec import NO_HOSTS, is_application
from socratune.tools.models import LanguageModel, ReadsRow, check_role, own_models, price_for
from socratune.tools.price import Price
from socratune.tools.splits import Splits, cap_for, data_notes, split
from socratune.tools.statistics import ALPHA, detectable, looked_before, rows_for
from socratune.tools.task_files import LoadedTask

NOT_OURS = Price(input=0.0, output=0.0)
"""Of an application: what it spends is no part of a forecast, and a note says so."""

UNITS = {"usd": "USD", "rollouts": "target calls", "calls": "calls", "tokens": "tokens", "minutes": "minutes"}
MOST_TEST_ROWS = 150
"""A side; no budget buys more."""
WANTED = 0.10
"""A gain that people hope to see proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What lies before a run."""

    loaded: LoadedTask
    splits: Splits
    forecast: Forecast
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    """Why the run cannot start from here as yet, a line each."""

    @property
    def budget(self) -> Budget:
        """The caps."""
        return self.loaded.task.budget

    @property
    def sendings(self) -> tuple[Sending, ...]:
        """What each model is sent."""
        return sendings_of(self.loaded)

    @property
    def simulated(self) -> bool:
        """No real model takes part, so that nothing is paid."""
        return all(sending.simulated for sending in self.sendings)


def sendings_of(loaded: LoadedTask) -> tuple[Sending, ...]:
    """Return what each model of a task is sent."""
    rows, train = f"the prompt and all {len(loaded.examples)} rows", "the prompt and train rows with their answers"
    improving = Sending(model=loaded.task.optimizer, role="improves it", texts=train)
    running, *judging = scoring_sendings(loaded.task, role="runs the prompt", texts=rows)
    return (running, improving, *judging)


def scoring_sendings(task: Task, *, role: str, texts: str) -> tuple[Sending, ...]:
    """Return what the models are sent that run and grade prompts; `role` and `texts` are the target's."""
    judging = [] if task.judge is None else [judge_sending(task.judge)]
    return (Sending(model=task.target, role=role, texts=texts), *judging)


def judge_sending(judge: str) -> Sending:
    """Return what a judge is sent."""
    return Sending(model=judge, role="grades the answers", texts="the rows and the answers to them")


def outlook_of(
    loaded: LoadedTask, home: Home, *, hosts: Mapping[str, str] = NO_HOSTS, models: Models | None = None
) -> Outlook:
    """Look ahead, without a call and without a key. Raises `BadInput` when the rows cannot be divided.

    `models` stand in for those that the task names.
    """
    task, own = loaded.task, own_models(loaded.task, models or {})
    splits = split(loaded.examples, salt=home.salt(), sealed=sealed_groups(home))
    prices = {role: _own_price(own[role]) if role in own else _price(task, role, hosts) for role in task.models}
    allotment = allot(task.budget, splits, judged=judgements_each(task.metric, loaded.examples))
    look = look_at(home, [row.group for row in splits.test], allotment.test_rows)
    return Outlook(
        loaded=loaded,
        splits=splits,
        forecast=forecast(task, splits, allotment, prices, look=look),
        notes=(*loaded.notes, *splits.notes, *data_notes(loaded.examples)),
        missing=(*dict.fromkeys(_missing(task, hosts, own)), *_unpriced(task, prices)),
    )


def _price(task: Task, role: Role, hosts: Mapping[str, str]) -> Price | None:
    return NOT_OURS if is_application(task.models[role]) else price_for(task, role, hosts=hosts)


def _own_price(model: LanguageModel) -> Price | None:
    return NOT_OURS if isinstance(model, ReadsRow) else model.price


def _missing(task: Task, hosts: Mapping[str, str], own: Models) -> Iterator[str]:
    for role in (each for each in task.models if each not in own):
        try:
            check_role(task, role, hosts=hosts)
        except BadInput as error:
            yield str(error)


def _unpriced(task: Task, prices: Mapping[Role, Price | None]) -> Iterator[str]:
    unknown = {role: task.models[role] for role, price in prices.items() if price is None}
    if unknown and task.budget.usd is not None:
        yield str(unpriced(unknown))


def as_record(outlook: Outlook) -> dict[str, Any]:
    """Return the object that `estimate --json` prints."""
    found, splits = outlook.forecast, outlook.splits
    return {
        "schema_version": 1,
        "rows": len(outlook.loaded.examples),
        "splits": {name: len(getattr(splits, name)) for name in ("train", "dev", "test")},
        "test": {
            "rows": found.test_rows,
            "detectable": found.provable,
            "detectable_even": found.even,
            "alpha": found.alpha,
        },
        "roles": {role: asdict(each) for role, each in found.roles.items()},
        "total": asdict(found.total),
        "rounds": found.rounds,
        "caps": {cap: limit for cap, limit in asdict(outlook.budget).items() if limit is not None},
        "first_cap": found.first_cap,
        "models": [str(sending) for sending in outlook.sendings],
        "missing": list(outlook.missing),
        "notes": list(outlook.notes),
        "advice": advice(outlook),
    }


def forewarning(outlook: Outlook) -> RenderableType:
    """Return what is said before the first call."""
    found, examples = outlook.forecast, outlook.loaded.examples
    lines = [
        ("rows", f"{len(examples)} from {_files(outlook.loaded)}: {_plan(outlook.splits, found)}"),
        *(("note", note) for note in outlook.notes),
        ("proof", _proof(found)),
        *(("advice", each) for each in advice(outlook)),
        *(("models" if number == 0 else "", str(each)) for number, each in enumerate(outlook.sendings)),
        *(("missing", each) for each in outlook.missing),
        ("caps", _caps(outlook)),
    ]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    for label, line in lines:
        grid.add_row(label, Text(plain(line)))
    return Group(grid, Text(""), _uses(outlook), Text(""))


def _files(loaded: LoadedTask) -> str:
    *others, last = map(short, loaded.source.files.values())
    return f"{', '.join(others)} and {last}" if others else last


def _plan(splits: Splits, found: Forecast) -> str:
    sealed = f"{found.test_rows} of {len(splits.test)} test (sealed until the end)"
    if splits.shared:
        return f"{len(splits.dev)} that agents read and that score edits, {sealed}"
    return f"{len(splits.train)} train (agents read them), {len(splits.dev)} dev (score edits), {sealed}"


def _proof(found: Forecast) -> str:
    if not found.test_rows:
        return "this budget leaves no rows for the final test, so nothing can be proven"
    if found.provable >= 1:
        return f"{found.test_rows} test rows a side are too few to prove any gain with an 80 % chance"
    gain, even = _points(found.provable), _points(found.even)
    before = f". {looked_before(found.alpha)}" if found.alpha < ALPHA else ""
    said = f"on {found.test_rows} test rows, a gain of {gain} has an 80 % chance to be proven, {even} an even one"
    return said + before


def _points(share: float) -> str:
    return f"{round(share * 100)} points"


def advice(outlook: Outlook) -> list[str]:
    """Say what more money or more rows would buy, a sentence each; it is all arithmetic."""
    found, budget, sealed = outlook.forecast, outlook.budget, len(outlook.splits.test)
    said = []
    most = min(MOST_TEST_ROWS, sealed)
    moved = 0.5 if outlook.loaded.task.metric == "pairwise" else 1.0  # how far a row that changes can move
    if found.test_rows < most:
        unit = "target calls" if budget.rollouts is not None else "calls"
        least = detectable(most) * moved
        gain = f", on which {_points(least)} have an 80 % chance" if least < moved else ""
        more = f"{cap_for(most):,} {unit} would give {most}{gain}"
        said.append(f"At this budget the test has {found.test_rows} rows a side; {more}.")
    elif sealed < MOST_TEST_ROWS and found.provable > WANTED:
        rows = rows_for(WANTED / moved)
        said.append(f"A gain of {_points(WANTED)} needs about {rows} test rows: {2 * rows} labelled rows give them.")
    said += _tight(outlook)
    if not found.rounds:
        said.append("The caps leave no room for a round of proposals; raise them.")
    return said


def _tight(outlook: Outlook) -> list[str]:
    """Say when the USD that are held for the test do not pay for its rows."""
    found, usd = outlook.forecast, outlook.budget.usd
    low, high = found.test.low.usd, found.test.high.usd
    if usd is None or not low or not high:
        return []
    paid = int(found.test_rows * TEST_SHARE * usd / ((low + high) / 2))
    if paid >= found.test_rows:
        return []
    held = f"{TEST_SHARE * 100:.0f} % of {usd:.2f} USD are held for the test"
    return [f"{held} and pay for about {paid} of its {found.test_rows} rows a side."]


def _uses(outlook: Outlook) -> RenderableType:
    """Return the forecast as a table: a role a line, and their sum."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("forecast", style="bold", no_wrap=True)
    for name in ("calls", "tokens", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    is_own = is_application(outlook.loaded.task.target)
    for name, each in (*outlook.forecast.roles.items(), ("all", outlook.forecast.total)):
        calls, tokens, usd = _cells(each)
        table.add_row(name, calls, tokens, "its own" if is_own and name == "target" else usd)
    return table


def _cells(each: Range) -> tuple[str, str, str]:
    """Return calls, tokens and USD from low to high."""
    calls = _between(each.low.calls, each.high.calls)
    tokens = _between(each.low.tokens, each.high.tokens)
    if each.low.usd is None or each.high.usd is None:
        return calls, tokens, "price not known"
    return calls, tokens, f"{_dollars(each.low.usd)} to {_dollars(each.high.usd)}"


def _dollars(usd: float) -> str:
    return "<0.01" if 0 < usd < 0.01 else f"{usd:,.2f}"


def scoring_line(task: Task, rows: Sequence[Example], calls: int) -> str:
    """Return what scoring uses, in words."""
    prices: dict[Role, Price | None] = {role: price_for(task, role) for role in task.models if role != "optimizer"}
    all_calls, tokens, usd = _cells(scoring(task, rows, calls, prices))
    priced = usd if usd.startswith("price") else f"{usd} USD"
    return f"{all_calls} calls, {tokens} tokens, {priced}; {caps_of(task.budget)}"


def _between(low: int, high: int) -> str:
    return f"{high:,}" if low == high else f"{_rounded(low):,} to {_rounded(high):,}"


def _rounded(number: int) -> int:
    """Two digits are all that a forecast is worth."""
    return int(float(f"{number:.2g}"))


def _caps(outlook: Outlook) -> str:
    found = outlook.forecast
    unit = UNITS.get(found.first_cap or "", "")
    first = f"the {unit} are used up first" if unit else "a search is likely to end before any cap is reached"
    paid = "; simulated, so nothing is paid" if outlook.simulated else ""
    paid += "; a run does not start before what is missing is there" if outlook.missing else ""
    return f"{caps_of(outlook.budget)}; about {found.rounds} rounds of proposals fit; {first}{paid}"


def caps_of(budget: Budget) -> str:
    """Return the caps in words."""
    caps = [(getattr(budget, name), unit) for name, unit in UNITS.items()]
    shown = [f"{cap:,.2f} {unit}" if unit == "USD" else f"{cap:,g} {unit}" for cap, unit in caps if cap is not None]
    return one_line(f"never more than {' or '.join(shown)}" if shown else "no cap")
