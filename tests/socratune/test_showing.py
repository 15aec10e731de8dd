from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from socratune.events import EditProposed, QuestionAsked, RoundPlanned, typed
from socratune.graphs.result import Change, Result
from socratune.markdown import markdown
from socratune.memory.ledger import Event, Spent
from socratune.memory.records import Budget, CandidateId, Demo, ExampleId, Prompt
from socratune.memory.runs import Home
from socratune.outcome import read_result
from socratune.progress import Progress, line_of
from socratune.report import Surroundings, summary
from socratune.screen import Screen, budget_bar
from socratune.standing import opened, standing
from socratune.text import fenced, one_line, plain, prompt_diff
from socratune.tools.purse import Purse

from .conftest import Finished

HOSTILE = (
    "[bold red]gone[/] \x1b]0;owned\x07\x1b[2J``` \n````\n# heading\n<script>alert(1)</script> ![x](http://x/y)\u202e"
)
AROUND = Surroundings(folder="runs/x", files={}, following={})


@given(st.text())
def test_plain_text_cannot_move_a_terminal(text: str) -> None:
    shown = plain(text)
    assert all(character in "\n\t" or character.isprintable() or ord(character) > 0x9F for character in shown)
    assert plain(shown) == shown


@given(st.text(alphabet=st.sampled_from("a`~\n #<>[]!()|\x1b")))
def test_fenced_text_stays_in_its_block(text: str) -> None:
    tokens = MarkdownIt().parse(f"before\n\n{fenced(text)}\n\nafter")
    kinds = [token.type for token in tokens if token.level == 0]
    assert kinds == ["paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close"]


@given(st.text(), st.integers(2, 200))
def test_one_line_is_one_line(text: str, most: int) -> None:
    line = one_line(text, most=most)
    assert "\n" not in line
    assert len(line) <= most


def hostile(result: Result) -> Result:
    change = Change(
        operator="socratic", reason=HOSTILE, rules=(HOSTILE,), evidence=(ExampleId("r1"),), gain=0.1, rows=8
    )
    best = replace(result.best, prompt=Prompt(user=HOSTILE, demos=(Demo(inputs={"x": HOSTILE}, output=HOSTILE),)))
    return replace(result, best=best, changes=(change,), warnings=(HOSTILE,), stop_reason=HOSTILE)


def test_summary_obeys_nothing_that_a_model_wrote(finished: Finished) -> None:
    result = read_result(Home(path=finished.home).run(finished.id))
    file = io.StringIO()
    Console(file=file, force_terminal=True, color_system=None, width=100).print(summary(hostile(result), AROUND))
    assert "\x1b" not in file.getvalue()
    assert "[bold red]gone[/]" in file.getvalue()


def test_report_keeps_what_a_model_wrote_in_its_blocks(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    result = hostile(read_result(folder))
    with opened(folder) as ledger:
        text = markdown(result, ledger)
    tokens = MarkdownIt().parse(text)
    assert not [token for token in tokens if token.type == "html_block"]
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert "heading" not in headings
    inline = " ".join(token.content for token in tokens if token.type == "inline")
    assert "http://x/y" not in inline
    assert "<script>" not in inline
    assert "\x1b" not in text


def test_report_counts_errors_apart_from_wrong_answers(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    result = replace(read_result(folder), failed={"target": 3}, proposals_failed=2, lost_usd=0.5)
    with opened(folder) as ledger:
        text = markdown(result, ledger)
    assert "3 attempts at a call gave no answer; they count as missing, not as wrong." in text
    assert "2 proposals could not be read." in text
    assert "0.5000 USD more was in flight" in text


def test_leader_stands_on_paired_dev_rows_and_is_no_verdict(finished: Finished) -> None:
    with opened(Home(path=finished.home).run(finished.id)) as ledger:
        leader = standing(ledger)
    assert leader is not None
    assert leader.low <= leader.gain <= leader.high
    assert str(leader).endswith("dev, not the verdict")


def test_live_view_shows_budget_leader_and_question_as_text(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=120)
    purse = Purse(Budget(rollouts=400, usd=9), held={}, spent=Spent(rollouts=100, usd=0.1))
    with Screen(console, folder, quiet=False) as screen:
        screen.hear(Event(key="question:1", kind="question", body={"accepted": 1, "content": {"question": HOSTILE}}))
        console.print(budget_bar(purse))
        screen.say("a line")
    shown = file.getvalue()
    assert "100 of 400 rollouts" in shown
    assert "dev, not the verdict" in " ".join(shown.split())
    assert "[bold red]gone[/]" in shown
    assert "owned" not in shown


def test_progress_follows_the_run() -> None:
    progress = Progress()
    progress.hear(RoundPlanned(round=1, failures=3, left=0.2, subgoals=1))
    progress.hear(QuestionAsked(question=HOSTILE, accepted=True))
    assert progress.stage.startswith("round 1")
    assert "\x1b" not in progress.question


def test_every_line_of_a_run_is_one_line(finished: Finished) -> None:
    with opened(Home(path=finished.home).run(finished.id)) as ledger:
        lines = [line_of(typed(event)) for event in ledger.events()]
    assert any(line.startswith("round 1") for line in lines)
    assert all("\n" not in line for line in lines)


def test_a_failed_proposal_says_why() -> None:
    assert line_of(EditProposed(round=1, child=None, failed=True, cause="no edit\nin it")).endswith("no edit in it")


def test_diff_names_each_part_that_changed() -> None:
    old, new = Prompt(system="a", user="b {{x}}"), Prompt(system="a", user="c {{x}}")
    assert prompt_diff(old, new)[:2] == ["--- user (yours)", "+++ user (new)"]
    assert prompt_diff(old, old) == []


def test_files_of_a_run_are_named_where_they_are(finished: Finished) -> None:
    assert (Path(finished.folder) / "report.md").read_text().startswith(f"# {finished.id}")


def test_a_search_with_nothing_left_to_mend_says_what_would_help(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    result = read_result(folder)
    ended = replace(result, stop_reason="nothing left to mend", best=replace(result.best, test=0.625))
    advice = f"but the {result.splits['train']} train rows show no failure that is left to mend: label more rows."
    with opened(folder) as ledger:
        assert advice in markdown(ended, ledger)
        assert advice not in markdown(replace(ended, stop_reason="patience"), ledger)
    assert advice in shown(ended)


def test_a_leader_that_is_not_the_best_found_does_not_vanish(finished: Finished) -> None:
    result = read_result(Home(path=finished.home).run(finished.id))
    told = "The last leader, ab12cd, is not the best found"
    assert told not in shown(result)
    assert told in shown(replace(result, passed_over=CandidateId("ab12cd34")))


def test_a_second_look_at_rows_says_why_its_interval_is_wider(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    result = read_result(folder)
    assert result.verdict is not None
    again = replace(result, verdict=replace(result.verdict, alpha=0.025))
    told = "may err with a chance of 0.025 instead of 0.05, and its interval is the wider 95 % one."
    assert told in shown(again)
    assert told not in shown(result)
    with opened(folder) as ledger:
        assert told in markdown(again, ledger)


def shown(result: Result) -> str:
    file = io.StringIO()
    Console(file=file, width=1000).print(summary(result, AROUND))
    return file.getvalue()


def test_the_report_says_what_was_wrong_on_the_rows_that_an_edit_was_made_from(finished: Finished) -> None:
    folder = Home(path=finished.home).run(finished.id)
    result = read_result(folder)
    row = result.changes[0].evidence[0]
    with opened(folder) as ledger:
        text = markdown(result, ledger)
    (line,) = [line for line in text.splitlines() if line.startswith(f"{row}: ")][:1]
    assert line.startswith(f"{row}: expected ")
    assert "is the 12th row of the data" in text
