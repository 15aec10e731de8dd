"""A run of a compare is a run like any other, by the name `COMPARE/RUN`."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from socratune.background import Background
from socratune.comparison_arms import Finish, Line, Ran, line_of
from socratune.comparison_result import Compared
from socratune.comparison_screen import after
from socratune.comparisons import Arm
from socratune.memory.errors import BadInput
from socratune.memory.lessons import Lessons
from socratune.memory.records import ExampleId
from socratune.memory.runs import Home, RunFolder
from socratune.options import Manner

from . import conftest
from .conftest import Command, lay_out, tickets


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder in which a compare has ended, in whose home there is no other run."""

    folder: Path
    said: str

    @property
    def home(self) -> Home:
        """With the compare in it."""
        return Home(path=self.folder / ".socratune")

    @property
    def compare(self) -> RunFolder:
        """The only one."""
        return self.home.compares()[0]

    @property
    def run(self) -> RunFolder:
        """One that improved the prompt."""
        return self.compare.part("auto-seed-0")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("compared")
    home = folder / ".socratune"
    home.mkdir()
    (home / "salt").write_text("tests\n")
    words = ("--recipes", "auto", "--seeds", "2", "--control", "shuffled-errors", "--budget", "rollouts=160")
    return Place(folder=folder, said=conftest.run("compare", lay_out(folder), *words, "--home", home).out)


@pytest.fixture
def place(ended: Place, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of it that is worked in."""
    assert command is conftest.run
    shutil.copytree(ended.folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    folder = tmp_path / "here"
    order = ended.compare.path / "order.json"
    for copy in (folder / ".socratune").rglob(order.name):
        copy.write_text(copy.read_text().replace(str(ended.folder), str(folder)))
    (folder / "new.csv").write_text(tickets(150, 260))
    return Place(folder=folder, said=ended.said)


def test_run_of_a_compare_is_reported_and_exported_by_its_whole_name_or_the_beginnings_of_both(
    command: Command, place: Place
) -> None:
    report = command("report", place.run.name)
    assert (report.code, report.out.splitlines()[0]) == (0, f"# {place.run.name}")
    assert report.out == place.run.report.read_text()
    record = command("report", f"{place.compare.id[:-2]}/auto-seed-0", "--json").json
    assert record["run"] == place.run.name
    exported = command("export", place.run.name, "--to", "json", "--json").json
    assert (exported["run"], exported["to"]) == (place.run.name, "json")


def test_command_at_the_end_of_a_compare_puts_a_prompt_into_the_file(command: Command, place: Place) -> None:
    [told] = [line for line in place.said.splitlines() if line.startswith("Use a prompt: ")]
    words = told.removeprefix("Use a prompt: socratune ").split(" --home ")[0].split()
    before = (place.folder / "task.yaml").read_text()
    applied = command(*words, "--yes", "--json").json
    assert (applied["run"], applied["written"]) == (words[1], True)
    assert (place.folder / "task.yaml").read_text() != before
    assert "has this prompt already" in command(*words).out


def test_test_of_a_run_of_a_compare_takes_a_look_that_is_counted_under_its_whole_name(
    command: Command, place: Place
) -> None:
    ran = command("test", place.run.name, "--data", "new.csv")
    assert ran.code == 0
    assert "This is look 2" in ran.out
    assert f"Put it into your file: socratune apply {place.run.name}" in ran.out
    lessons = Lessons.open(place.home.memory)
    assert lessons.looks(lessons.sealed_groups()) == 2
    lessons.close()
    other = command("test", place.compare.part("auto-seed-1").name, "--data", "new.csv", "--json").json
    assert other["run"] == f"{place.compare.id}/auto-seed-1"
    lessons = Lessons.open(place.home.memory)
    assert lessons.looks(lessons.sealed_groups()) == 3, "two runs that tested on the same rows are two looks"
    lessons.close()


def test_eval_of_a_best_prompt_names_the_run_that_a_test_proves_it_with(command: Command, place: Place) -> None:
    ran = command("eval", place.run.best, "--against", "task.yaml")
    assert f"`socratune test {place.run.name} --data new.csv` does" in ran.out
    copy = place.folder / "copy.yaml"
    copy.write_text(re.sub(r"(?m)^data: .*", "data: tickets.csv", place.run.best.read_text()))
    assert "`socratune test RUN --data new.csv` does" in command("eval", copy, "--against", "task.yaml").out


def test_name_of_a_compare_is_answered_with_those_of_its_runs(command: Command, place: Place) -> None:
    names = ", ".join(run.name for run in place.compare.parts())
    assert names.count(f"{place.compare.id}/") == 4
    for words in (["report"], ["apply"], ["export", "--to", "text"], ["test", "--data", "new.csv"]):
        ran = command(*words, place.compare.id)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert f"{place.compare.id} is a compare, not a run; name one of its runs: {names}" in ran.err


def test_runs_lists_a_compare_with_its_recipes_and_a_command_that_reads_one_of_its_runs(
    command: Command, place: Place
) -> None:
    said = command("runs").out
    [row] = [line for line in said.splitlines() if line.startswith(place.compare.id)]
    assert re.search(r"improved +auto, auto \(shuffled errors\) +4 ", row)
    [told] = [line for line in said.splitlines() if line.startswith("A run of a compare is COMPARE/RUN: ")]
    assert command(*told.rpartition(": socratune ")[2].split()).code == 0
    [record] = command("runs", "--json").json["compares"]
    assert (record["compare"], record["status"]) == (place.compare.id, "improved")
    assert record["recipes"] == ["auto", "auto (shuffled errors)"]
    assert place.run.name in record["runs"]


def test_unfinished_compare_is_listed_with_the_command_that_goes_on(command: Command, place: Place) -> None:
    place.compare.result.unlink()
    assert f"  socratune resume {place.compare.id}\n" in command("runs").out
    (place.compare.path / "compare.json").unlink()  # killed as it began
    assert command("runs", "--json").json["compares"][0]["recipes"] == []


def test_unfinished_run_of_a_compare_goes_on_with_the_compare_only(command: Command, place: Place) -> None:
    place.run.result.unlink()
    said = f"run {place.run.name} has not ended; go on with `socratune resume {place.compare.id}`"
    ran = command("resume", place.run.name)
    assert (ran.code, ran.err) == (2, f"{said}\n")
    with pytest.raises(BadInput, match=re.escape(said)):
        Background(place.home, folder=place.folder).resume(place.run.name)


def test_resuming_a_run_of_a_compare_that_has_ended_shows_it_with_commands_that_work(
    command: Command, place: Place
) -> None:
    said = command("resume", place.run.name).out
    assert f"socratune apply {place.run.name}\n" in said
    assert f"socratune report {place.run.name}\n" in said
    assert Background(place.home, folder=place.folder).status(place.run.name).run == place.run.name


def test_compare_that_ended_before_its_runs_had_orders_gets_them_when_it_is_resumed(
    command: Command, place: Place
) -> None:
    order = place.run.path / "order.json"
    kept = order.read_text()
    order.unlink()
    assert command("resume", place.compare.id).code == 0
    assert order.read_text() == kept


def test_run_of_a_compare_is_not_removed_alone(command: Command, place: Place) -> None:
    ran = command("runs", "rm", place.run.name, "--yes")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert place.run.ledger.exists()


def a_run(seed: int, right: int, *, dev: float | None, status: str) -> Ran:
    """A run whose prompt is right on the first of 60 sealed rows; the user's own on none."""
    found = {ExampleId(f"r{number}"): float(number < right) for number in range(60)}
    finish = Finish(seed=dict.fromkeys(found, 0.0), finalist=found, length=100, dev=dev)
    return Ran(run=f"compare-1/a-seed-{seed}", seed=seed, status=status, finish=finish)


def compare_of(**arms: list[Ran]) -> Compared:
    """A compare that has ended."""
    lines: tuple[Line, ...] = tuple(line_of(Arm(recipe=name), runs, whole=True) for name, runs in arms.items())
    return Compared(id="compare-1", lines=lines, look=1, rows=60, refused={})


def use_of(found: Compared) -> list[str]:
    """What is said of a prompt to use; the compare's folder must be there."""
    console = Console(width=300, file=io.StringIO())
    with console.capture() as said:
        console.print(after(found, Manner()))
    lines = [line.rstrip() for line in said.get().splitlines()]
    return next((lines[at : at + 2] for at, line in enumerate(lines) if line.startswith("Use a prompt: ")), [])


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with nothing but the folder of a compare."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".socratune" / "compares" / "compare-1").mkdir(parents=True)


@pytest.mark.usefixtures("bare")
def test_seed_to_use_is_chosen_by_dev_and_not_by_test_and_only_of_those_that_can_be_applied() -> None:
    better = a_run(0, 50, dev=0.6, status="improved")
    chosen = a_run(1, 20, dev=0.8, status="improved")
    lucky = a_run(2, 5, dev=0.9, status="promising")
    command, why = use_of(compare_of(a=[better, chosen, lucky]))
    assert command == "Use a prompt: socratune apply compare-1/a-seed-1"
    assert why == "Of that recipe's seeds that are proven alone, it has the best dev score."


@pytest.mark.usefixtures("bare")
def test_seed_that_is_not_proven_alone_is_to_be_tested_first() -> None:
    none = a_run(0, 20, dev=None, status="no_improvement")
    command, why = use_of(compare_of(a=[none, a_run(1, 20, dev=0.3, status="promising")]))
    assert command == "Use a prompt: socratune test compare-1/a-seed-1 --data new.csv"
    assert why.startswith("No seed of that recipe is proven alone")


@pytest.mark.usefixtures("bare")
def test_no_prompt_is_to_be_used_where_no_recipe_beats_the_users_own() -> None:
    assert use_of(compare_of(a=[a_run(0, 1, dev=0.9, status="promising")])) == []
