"""Runs over the kinds of files that people have."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from socratune.tools.promptfoo.export import as_promptfoo
from socratune.tools.task_files import Overrides, load_task

from .conftest import TASK, Command, Finished, tickets


def test_a_run_keeps_the_split_that_its_user_chose_and_so_does_its_best_prompt(
    command: Command, tmp_path: Path
) -> None:
    for name, first, last in (("train", 0, 40), ("dev", 40, 100), ("test", 100, 170)):
        (tmp_path / f"{name}.csv").write_text(tickets(first, last))
    named = {"train": "train.csv", "dev": "dev.csv", "test": "test.csv"}
    (tmp_path / "task.yaml").write_text(TASK.replace("tickets.csv", str(named)))
    ran = command("optimize", "task.yaml", "--json", "--quiet")
    assert (ran.code, ran.json["status"], ran.json["splits"]) == (0, "improved", {"train": 40, "dev": 60, "test": 70})
    (best,) = (tmp_path / ".socratune" / "runs").glob("*/best.yaml")
    assert yaml.safe_load(best.read_text())["data"] == {side: f"../../../{file}" for side, file in named.items()}
    scored = command("eval", best, "--against", "task.yaml", "--json", "--quiet", "--budget", "calls=400")
    assert scored.json["comparison"]["difference"] > 0
    assert command("apply", "last", "--yes").code == 0
    assert command("resume", "last", "--json").json["status"] == "improved"


def keep_salt(folder: Path) -> None:
    """Divide the rows in the same way each time."""
    (folder / ".socratune").mkdir()
    (folder / ".socratune" / "salt").write_text("tests\n")


PROMPTFOO = """\
# The desk's own notes stay where they are.
prompts:
  - |
    Which queue should handle this ticket: account, billing, complaints, retention, returns, sales, security,
    shipping or technical? Answer like {"queue": 1}

    {{ ticket }}
providers: [openai:gpt-4.1-mini, openai:gpt-4.1]
tests: file://tests.csv  # by hand
"""
MODELS = ("--target", "sim:ticket-routing", "--optimizer", "sim:ticket-routing:strong")


def test_a_promptfoo_configuration_is_improved_and_gets_its_new_prompt(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tests.csv").write_text(tickets(0, 150).replace("queue", "__expected", 1))
    config = tmp_path / "promptfooconfig.yaml"
    config.write_text(PROMPTFOO)
    keep_salt(tmp_path)
    refused = command("optimize", config.name)
    assert (refused.code, refused.err) == (
        2,
        "promptfooconfig.yaml:8: 2 providers: 'openai:gpt-4.1-mini', 'openai:gpt-4.1'; name one with --target\n",
    )
    ran = command("optimize", config.name, *MODELS, "--json", "--quiet")
    assert (ran.code, ran.json["status"]) == (0, "improved")
    assert command("apply", "last", "--yes").code == 0
    head, tail = PROMPTFOO[: PROMPTFOO.index("    Which")], PROMPTFOO[PROMPTFOO.index("    {{ ticket }}") :]
    now = config.read_text()
    assert now.startswith(head)
    assert now.endswith(tail)
    assert ", not to billing." in now  # a rule of the desk that the original prompt does not say
    (best,) = (tmp_path / ".socratune" / "runs").glob("*/best.yaml")
    against = command("eval", best, "--against", config.name, *MODELS, "--json", "--quiet")
    assert against.json["comparison"]["difference"] == 0


def test_an_exported_configuration_scores_as_the_prompt_of_its_run(
    command: Command, finished: Finished, tmp_path: Path
) -> None:
    home = ("--home", finished.home)
    ran = command("export", finished.id, "--to", "promptfoo", "--out", "promptfooconfig.yaml", *home)
    assert ran.code == 0
    assert "not kept: equals minds case" in ran.err
    again = command("export", finished.id, "--to", "promptfoo", "--out", "promptfooconfig.yaml", *home)
    assert (again.code, again.err) == (2, "promptfooconfig.yaml: exists already; pass --out with another name\n")
    mine = command("eval", finished.folder / "best.yaml", "--json", "--quiet").json["scores"]
    theirs = command("eval", "promptfooconfig.yaml", *MODELS, "--json", "--quiet").json["scores"]
    assert [each["mean"] for each in mine.values()] == [each["mean"] for each in theirs.values()]
    shown = command("export", finished.id, "--to", "text", *home).out
    assert "goes to retention" in shown
    assert "{{ticket}}" in shown


ASKS = "Which queue: billing, shipping or returns? Answer with the queue name only, in lower case."
ONE = f"prompts: ['{ASKS} {{{{ticket}}}}']\n"
CHAT = json.dumps([{"role": "system", "content": ASKS}, {"role": "user", "content": "{{ticket}}"}])
BILLED = "I was charged twice for order A-3301."
MOVED = "My parcel has not moved for a week."
SHAPES = {
    "inline tests": ONE + f"tests:\n- vars: {{ticket: {BILLED}}}\n  assert: [{{type: equals, value: billing}}]\n",
    "csv": ONE + "tests: file://tests.csv\n",
    "jsonl": ONE + "tests: [file://tests.jsonl]\n",
    "prompt file": "prompts: file://prompt.txt\ntests: file://tests.csv\n",
    "chat file": "prompts: [file://chat.json]\ntests: file://tests.csv\n",
    "chat inline": f"prompts:\n- |\n  {CHAT}\ntests: file://tests.csv\n",
    "icontains": ONE + f"tests: [{{vars: {{ticket: '{BILLED}'}}, assert: [{{type: icontains, value: BILLING}}]}}]\n",
    "several": ONE
    + f"tests:\n- vars: {{ticket: {MOVED}}}\n  threshold: 0.6\n  assert:\n"
    + "  - {type: equals, value: shipping, weight: 2}\n  - {type: regex, value: '^s'}\n  - {type: is-json}\n",
    "defaults": ONE
    + "defaultTest: &all {vars: {tone: kind}, assert: [{type: starts-with, value: b}]}\n"
    + f"tests: [{{vars: {{ticket: '{BILLED}'}}}}, {{<<: *all, vars: {{ticket: '{BILLED}'}}}}]\n",
    "lists": ONE
    + f"tests:\n- vars: {{ticket: '{BILLED}'}}\n  assert: [{{type: contains-any, value: [billing, '{{{{ticket}}}}']}}]"
    + "\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_configuration_of_each_shape_is_scored_and_its_export_scores_the_same(
    shape: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "tests.csv").write_text(f"ticket,__expected\n{BILLED},billing\n{MOVED},contains:shipping\n")
    asserts = [{"type": "equals", "value": "billing"}]
    (tmp_path / "tests.jsonl").write_text(json.dumps({"vars": {"ticket": BILLED}, "assert": asserts}))
    (tmp_path / "prompt.txt").write_text(ASKS + "\n\n{{ ticket }}\n")
    (tmp_path / "chat.json").write_text(CHAT)
    (tmp_path / "c.yaml").write_text(SHAPES[shape])
    mine = command("eval", "c.yaml", "--target", "sim:ticket-routing", "--json").json["scores"]["c.yaml"]
    loaded = load_task(tmp_path / "c.yaml", overrides=Overrides(target="sim:ticket-routing"))
    (tmp_path / "e.yaml").write_text(as_promptfoo(loaded.task, loaded.task.prompt, loaded.examples).text)
    theirs = command("eval", "e.yaml", "--target", "sim:ticket-routing", "--json").json["scores"]["e.yaml"]
    # The simulated model answers with what agents are told to expect, which for several assertions is a sentence.
    assert (mine["rows"], mine["mean"]) == (len(loaded.examples), 0.25 if shape == "several" else 1)
    assert theirs == mine


def rubric_tests(count: int) -> str:
    """Tests of which every other asks for a judge, beside a comparison."""
    lines = []
    for number, row in enumerate(csv.DictReader(io.StringIO(tickets(0, count)))):
        asserts: list[dict[str, object]] = [{"type": "not-contains", "value": "furthermore"}]
        if number % 2:
            asserts.append({"type": "llm-rubric", "value": "Names the right queue; says nothing else", "weight": 3})
        lines.append(json.dumps({"vars": {"ticket": row["ticket"]}, "assert": asserts}) + "\n")
    return "".join(lines)


def test_rubrics_of_a_configuration_are_graded_and_its_export_scores_the_same(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tests.jsonl").write_text(rubric_tests(20))
    (tmp_path / "c.yaml").write_text(ONE + "tests: file://tests.jsonl\n")
    said = command("eval", "c.yaml", *MODELS)
    assert "20 calls: 20 rows, 1 prompt, and 10 of the judge sim:ticket-routing:strong" in said.err
    mine = command("eval", "c.yaml", *MODELS, "--json").json
    loaded = load_task(tmp_path / "c.yaml", overrides=Overrides(target=MODELS[1]))
    assert loaded.task.judge == "sim:ticket-routing:strong"
    (tmp_path / "e.yaml").write_text(as_promptfoo(loaded.task, loaded.task.prompt, loaded.examples).text)
    theirs = command("eval", "e.yaml", *MODELS, "--json").json
    assert (mine["calls"], theirs["calls"]) == (30, 30)
    assert theirs["scores"]["e.yaml"] == mine["scores"]["c.yaml"]
    assert 0 < mine["scores"]["c.yaml"]["mean"] < 1


def test_new_rows_that_need_a_judge_are_refused_for_a_run_without_one(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tests.csv").write_text(tickets(0, 150).replace("queue", "__expected", 1))
    (tmp_path / "c.yaml").write_text(PROMPTFOO)
    keep_salt(tmp_path)
    assert command("optimize", "c.yaml", *MODELS, "--json", "--quiet").json["status"] == "improved"
    (tmp_path / "new.jsonl").write_text(rubric_tests(20))
    ran = command("test", "last", "--data", "new.jsonl")
    assert (ran.code, ran.err) == (
        2,
        "new.jsonl: the rows need a judge, which the task has not; take the assertions that need one out, or start a "
        "new run\n",
    )
