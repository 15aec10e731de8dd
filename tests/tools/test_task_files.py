from __future__ import annotations

from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.records import Budget, Demo, Prompt
from socratune.tools.task_files import Overrides, load_task
from socratune.tools.task_form import parse_budget

ROWS = "ticket,notes,queue\nWhere is my parcel?,first,shipping\nRefund please,second,billing\n"
REST = "data: tickets.csv\nexpected: queue\nmetric: exact\ntarget: sim:tickets\n"
PROMPT = "prompt: 'Which queue? {{ticket}}'\n"


def task_file(folder: Path, text: str, *, rows: str = ROWS) -> Path:
    (folder / "tickets.csv").write_text(rows)
    path = folder / "ticket-routing.yaml"
    path.write_text(text)
    return path


def complaint(folder: Path, text: str) -> str:
    path = task_file(folder, text)
    with pytest.raises(BadInput) as caught:
        load_task(path)
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(str(path)).replace(str(folder), "FOLDER")


def test_a_task_file_says_all_that_a_run_needs(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, PROMPT + REST))
    task = loaded.task
    assert task.name == "ticket-routing"
    assert task.prompt == Prompt(user="Which queue? {{ticket}}")
    assert task.variables == ("ticket",)
    assert (task.target, task.optimizer, task.recipe) == ("sim:tickets", "sim:tickets:strong", "auto")
    assert task.budget == Budget(rollouts=600)
    assert [(row.id, dict(row.inputs), row.expected) for row in loaded.examples] == [
        ("r1", {"ticket": "Where is my parcel?"}, "shipping"),
        ("r2", {"ticket": "Refund please"}, "billing"),
    ]
    assert loaded.notes == ()


def test_the_optimizer_defaults_to_the_targets_own_model(tmp_path: Path) -> None:
    path = task_file(tmp_path, PROMPT + REST.replace("sim:tickets", "openai:gpt-x"))
    assert load_task(path).task.optimizer == "openai:gpt-x"


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        "name: n\ngoal: g\nsystem: Be brief.\nuser: '{{ticket}} {{notes}}'\ninputs: [ticket, notes]\nlimit: 1\n"
        "budget: {usd: 2, rollouts: 10, calls: 20, tokens: 30, minutes: 1.5}\noptimizer: sim:tickets:weak\n"
        "constraints: {max_tokens: 90, locked: [Be brief.]}\nmax_output_tokens: 7\nrecipe: mars\n"
        "metric: {name: numeric, tolerance: 0.01}\ndata: tickets.csv\nexpected: queue\ntarget: sim:tickets\n"
    )
    path = task_file(tmp_path, text, rows="ticket,notes,queue\na,b,3\n")
    loaded = load_task(path)
    task = loaded.task
    assert (task.name, task.goal, task.recipe, task.optimizer) == ("n", "g", "mars", "sim:tickets:weak")
    assert (task.metric, task.metric_options, task.max_output_tokens) == ("numeric", {"tolerance": 0.01}, 7)
    assert task.budget == Budget(usd=2, rollouts=10, calls=20, tokens=30, minutes=1.5)
    assert (task.constraints.max_tokens, task.constraints.locked) == (90, ("Be brief.",))
    assert len(loaded.examples) == 1


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "rows.jsonl").write_text('{"ticket": "a", "queue": "b"}\n{"ticket": "c", "queue": "d"}\n')
    folder = tmp_path / "tasks"
    folder.mkdir()
    overrides = Overrides(
        data=elsewhere / "rows.jsonl",
        target="sim:other",
        optimizer="sim:other:weak",
        recipe="opro",
        budget=Budget(calls=5),
        limit=1,
    )
    loaded = load_task(task_file(folder, PROMPT + REST), overrides=overrides)
    task = loaded.task
    assert (task.target, task.optimizer, task.recipe, task.budget) == (
        *("sim:other", "sim:other:weak", "opro"),
        Budget(calls=5),
    )
    assert [row.expected for row in loaded.examples] == ["b"]


def test_messages_are_a_system_and_a_user_part(tmp_path: Path) -> None:
    text = "messages:\n- {role: system, content: Be brief.}\n- {role: user, content: '{{ticket}}'}\n"
    assert load_task(task_file(tmp_path, text + REST)).task.prompt == Prompt(system="Be brief.", user="{{ticket}}")


def test_a_prompt_file_is_read_without_its_final_line_break(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "ticket.md").write_bytes(b"\xef\xbb\xbfWhich\r\n\r\nqueue? {ticket}\r\n")
    loaded = load_task(task_file(tmp_path, "prompt: file://prompts/ticket.md\n" + REST))
    assert loaded.task.prompt == Prompt(user="Which\n\nqueue? {{ticket}}")
    assert loaded.style == "fstring"
    assert loaded.notes == ("placeholders are read as {name}",)


def test_all_parts_share_one_placeholder_style(tmp_path: Path) -> None:
    text = "system: 'Answer as {{\"queue\": 1}}'\nuser: 'Ticket: {ticket}'\n"
    assert load_task(task_file(tmp_path, text + REST)).task.prompt.system == 'Answer as {"queue": 1}'
    text = "system: 'Say {ticket}'\nuser: 'Ticket: {{ticket}}'\n"
    assert load_task(task_file(tmp_path, text + REST)).task.prompt.system == "Say {ticket}"


def test_a_system_alone_is_complete(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, "system: Sort it.\n" + REST))
    assert loaded.task.variables == ("ticket", "notes")
    assert loaded.notes == ("the user turn lists the columns ticket, notes; `inputs:` chooses among them",)
    assert load_task(task_file(tmp_path, "system: Sort it.\ninputs: [ticket]\n" + REST)).notes == ()


def test_demos_are_part_of_the_prompt(tmp_path: Path) -> None:
    text = PROMPT + "demos:\n- inputs: {ticket: lost}\n  output: shipping\n" + REST
    prompt = load_task(task_file(tmp_path, text)).task.prompt
    assert prompt.demos == (Demo(inputs={"ticket": "lost"}, output="shipping"),)


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    text = PROMPT + REST.replace("metric: exact\n", "inputs: [ticket, notes]\nconstraints: {max_tokens: 2}\n")
    assert load_task(task_file(tmp_path, text)).notes == (
        "no metric is named; answers count when they equal the expected text (exact)",
        "the prompt does not show the inputs notes",
        "the prompt is about 6 tokens long, over its own limit of 2; every edit has to shorten it",
    )


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    text = 'prompt: "{{ticket}} \\ud800 \\ud83d\\ude42"\n'
    assert load_task(task_file(tmp_path, text + REST)).task.prompt.user == "{{ticket}} \ufffd 🙂"


def test_a_locked_text_is_in_the_style_of_the_prompt(tmp_path: Path) -> None:
    text = "prompt: 'Queue? {{ ticket }}'\nconstraints: {locked: ['{{ ticket }}']}\n" + REST
    assert load_task(task_file(tmp_path, text)).task.constraints.locked == ("{{ticket}}",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (REST + "promt: x\n", ":5: unknown key 'promt'; did you mean 'prompt'?"),
        (PROMPT + REST + "budget: {usdd: 2}\n", ":6: unknown key 'budget.usdd'; did you mean 'usd'?"),
        (PROMPT + REST + "zzz: 2\n", ":6: unknown key 'zzz'; known: name, goal, "),
        (PROMPT + REST + "prompt: x\n", ":6: key 'prompt' is there twice; remove one of them"),
        (PROMPT + "data: [tickets.csv\n", ":3: not valid YAML (expected ',' or ']', but got '<stream end>')"),
        (PROMPT + "name: 2024-99-99\n", ":1: not valid YAML (month must be in 1..12)"),
        ("name: \x07", ":1: not valid YAML (special characters are not allowed)"),
        ("[" * 5000, ":1: not valid YAML"),
        ("", ":1: a task file holds `key: value` lines"),
        ("- a\n", ":1: a task file holds `key: value` lines"),
        (
            PROMPT + REST + "name: 7\n",
            ":6: name: 7 cannot be used; it should be a valid string; write a text, in quotes",
        ),
        (PROMPT + REST + "limit: 0\n", ":6: limit: 0 cannot be used; it should be greater than or equal to 1"),
        (
            PROMPT + REST + "budget: -1\n",
            ":6: budget.usd: -1 cannot be used; it should be greater than or equal to 0",
        ),
        (PROMPT + REST + "budget: .nan\n", ":6: budget.usd: nan cannot be used; it should be a finite number"),
        (REST, ":1: the prompt is written once: as prompt:, as system: and user:, or as messages:"),
        (PROMPT + "system: x\n" + REST, ":1: the prompt is written once"),
        ("messages: [{role: user, content: a}, {role: user, content: b}]\n" + REST, ":1: messages: more than one"),
        (
            "messages: [{role: assistant, content: a}]\n" + REST,
            ":1: messages.0.role: 'assistant' cannot be used; it should be 'system' or",
        ),
        (
            "prompt: Which queue?\n" + REST,
            ":1: the prompt names no column; write {{ticket}} where the row goes, or use",
        ),
        ("prompt: '{{tiket}} {{ticket}}'\n" + REST, ":1: {{tiket}} in the prompt is no input column; did you mean"),
        ("prompt: '{{queue}} {{ticket}}'\n" + REST, ":1: the prompt shows the expected answer, {{queue}}"),
        ("prompt: ' '\n" + REST, ":1: the prompt is empty"),
        (PROMPT + REST + "inputs: [tikcet]\n", ":6: inputs: 'FOLDER/tickets.csv' has no column 'tikcet'; did you mean"),
        (PROMPT + REST + "inputs: [ticket, queue]\n", ":6: the expected column 'queue' is an input"),
        (PROMPT + "data: tickets.csv\ntarget: sim:t\n", ":1: expected: 'FOLDER/tickets.csv' has no column 'expected'"),
        (PROMPT + "data: tickets.csv\nexpected: queue\n", ":1: no model is named that runs the prompt"),
        (PROMPT + "expected: queue\ntarget: sim:t\n", ":1: names no data"),
        (PROMPT + REST + "constraints: {locked: [Nope]}\n", ":6: the locked text 'Nope' is not in the prompt"),
        (PROMPT + REST + "demos: [{inputs: {text: a}, output: b}]\n", ":6: a demo has the inputs ['text']; give each"),
        (PROMPT + REST.replace("exact", "exakt"), ":4: unknown metric 'exakt'; did you mean 'exact'?"),
        (PROMPT + REST.replace("exact", "rubric"), ':4: metric: write {rubric: "Polite; names the order number"}'),
        (PROMPT + REST.replace("exact", "{name: rubric, rubric: a}"), ":4: metric: write {rubric: "),
        (PROMPT + REST.replace("exact", "{rubric: ''}"), ":4: the rubric is empty; write what a good answer does"),
        (PROMPT + REST.replace("exact", "{rubric: a, refrence: 1}"), ":4: metric 'rubric' has no option 'refrence'"),
        (PROMPT + REST.replace("exact", "{rubric: [a, b]}"), ":4: metric: write {rubric: "),
        (
            PROMPT + REST.replace("expected: queue\n", ""),
            ":1: expected: 'FOLDER/tickets.csv' has no column 'expected'; name the column with the answers, or write "
            "metric: {rubric: ...}",
        ),
        (PROMPT + REST.replace("exact", "{rubric: a, label: x}"), ":4: one of label and output is missing"),
        (PROMPT + REST.replace("exact", "{rubric: file://../x.md}"), ":4: '../x.md' leads out of the folder"),
        (PROMPT + REST + "rubric: good\n", ":6: unknown key 'rubric'; under metric: write {rubric: "),
        (PROMPT + REST.replace("exact", "pairwise"), ":4: metric pairwise judges by the goal, and there is none"),
        (PROMPT + REST.replace("exact", "{name: pairwise, a: 1}"), ":4: metric 'pairwise' has no option 'a'"),
        (PROMPT + REST.replace("exact", "{name: 'python:a.py:f', k: 1}"), ":4: python:a.py:f has options; a function"),
        (PROMPT + REST.replace("exact", "{tolerance: 1}"), ":4: metric: has no name; write {name: numeric"),
        (PROMPT + REST.replace("tickets.csv", "{dev: a}"), ":2: data.train: Field required"),
        (
            PROMPT + REST.replace("tickets.csv", "{train: a, tests: b}"),
            ":2: unknown key 'data.tests'; did you mean 'test'",
        ),
        (
            PROMPT + REST.replace("tickets.csv", "{train: tickets.csv, test: ../x.csv}"),
            ":2: 'FOLDER/../x.csv' lies out",
        ),
        (PROMPT + REST.replace("sim:tickets", "python:a.py:f"), ":5: names no optimizer, and an application cannot"),
        (PROMPT + REST + "optimizer: python:a.py:f\n", ":6: optimizer: python: names your application or your metric"),
        (
            PROMPT + REST.replace("sim:tickets", "{model: x}"),
            ":5: target: whose model 'x' is, is not known; write openai",
        ),
        ("prompt: file://none.md\n" + REST, "FOLDER/none.md: there is no such file"),
        ("prompt: file://../x.md\n" + REST, ":1: '../x.md' leads out of the folder"),
        ("prompt: file:///etc/passwd\n" + REST, ":1: '/etc/passwd' leads out of the folder"),
        (PROMPT + REST.replace("tickets.csv", "../x.csv"), ":2: 'FOLDER/../x.csv' lies outside of 'FOLDER'; move it"),
        (PROMPT + REST.replace("tickets.csv", "/etc/x.csv"), ":2: '/etc/x.csv' lies outside of 'FOLDER'"),
        (PROMPT + REST.replace("exact", "numeric"), "FOLDER/tickets.csv:2: expected output 'shipping' holds no number"),
    ],
)
def test_a_fault_is_named_in_one_line_with_its_place_and_cure(text: str, said: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, text).startswith(said)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.md").write_text("{{ticket}}")
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "x.md").symlink_to(tmp_path / "secret" / "x.md")
    (folder / "inner").symlink_to(tmp_path / "secret")
    (folder / "rows.csv").symlink_to(task_file(tmp_path, "").parent / "tickets.csv")
    assert "is a link" in complaint(folder, "prompt: file://x.md\n" + REST)
    assert "is a link" in complaint(folder, "prompt: file://inner/x.md\n" + REST)
    assert "is a link" in complaint(folder, PROMPT + REST.replace("tickets.csv", "rows.csv"))


def test_a_file_of_a_run_may_use_the_data_of_its_project(tmp_path: Path) -> None:
    run = tmp_path / ".socratune" / "runs" / "r1"
    run.mkdir(parents=True)
    task_file(tmp_path, "")
    (run / "best.yaml").write_text(PROMPT + REST.replace("tickets.csv", "../../../tickets.csv"))
    assert len(load_task(run / "best.yaml").examples) == 2


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"name: \xff")
    for name, said in (("none.yaml", "there is no such file"), ("a.yaml", "not UTF-8")):
        with pytest.raises(BadInput, match=said):
            load_task(tmp_path / name)


def test_a_cap_that_the_command_does_not_name_stays_as_the_file_has_it(tmp_path: Path) -> None:
    path = task_file(tmp_path, PROMPT + REST + "budget: {usd: 2, rollouts: 1500}\n")
    loaded = load_task(path, overrides=Overrides(budget=Budget(rollouts=600)))
    assert loaded.task.budget == Budget(usd=2, rollouts=600)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2", Budget(usd=2)),
        ("$0.5", Budget(usd=0.5)),
        ("rollouts=600, usd=2", Budget(rollouts=600, usd=2)),
        ("calls=9,tokens=10000,minutes=1.5", Budget(calls=9, tokens=10000, minutes=1.5)),
    ],
)
def test_a_budget_flag_names_its_caps_and_a_bare_number_is_usd(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rolouts=6", "--budget: unknown key 'rolouts'; did you mean 'rollouts'?"),
        ("rollouts=-6", "--budget: rollouts: '-6' cannot be used; it should be greater than or equal to 0"),
        ("rollouts=many", "--budget: rollouts: 'many' cannot be used; it should be a valid integer"),
        ("", "--budget: '' is no cap; write 2, usd=2 or rollouts=600,usd=2"),
        ("2USD", "--budget: '2USD' is no cap; write 2, usd=2 or rollouts=600,usd=2"),
        ("1,usd=2", "--budget: 'usd' is given twice"),
        ("inf", "--budget: usd: 'inf' cannot be used; it should be a finite number"),
    ],
)
def test_a_budget_flag_that_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_budget(text)
    assert str(caught.value).startswith(said)


RUBRIC = PROMPT + "data: tickets.csv\nmetric: {rubric: 'Polite; names the order'}\ntarget: sim:tickets\n"


def test_a_judged_task_needs_no_labels_and_its_judge_is_the_optimizer(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, RUBRIC, rows="ticket\nWhere?\n"))
    assert [row.expected for row in loaded.examples] == [""]
    assert (loaded.task.judge, loaded.task.metric_options) == (
        "sim:tickets:strong",
        {"rubric": "Polite; names the order"},
    )
    named = load_task(task_file(tmp_path, RUBRIC + "judge: openai:a\n"), overrides=Overrides(judge="openai:b"))
    assert named.task.models == {"target": "sim:tickets", "optimizer": "sim:tickets:strong", "judge": "openai:b"}


def test_a_label_is_shown_to_the_judge_only_when_its_column_is_named(tmp_path: Path) -> None:
    rows = "ticket,expected\nWhere?,At the door.\n"
    silent = load_task(task_file(tmp_path, RUBRIC, rows=rows))
    assert ([row.expected for row in silent.examples], silent.task.variables) == ([""], ("ticket",))
    assert silent.notes == (
        "the column 'expected' is not used; `expected: expected` would show it to the judge as a reference",
    )
    named = load_task(task_file(tmp_path, RUBRIC + "expected: expected\n", rows=rows))
    assert ([row.expected for row in named.examples], named.notes) == (["At the door."], ())


def test_a_rubric_may_stand_in_a_file_and_says_when_it_is_one_criterion(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text("Be kind, be short.\n")
    loaded = load_task(task_file(tmp_path, RUBRIC.replace("Polite; names the order", "file://rubric.md")))
    assert loaded.task.metric_options["rubric"] == "Be kind, be short.\n"
    assert "the rubric is one criterion, met or not; a list, or semicolons, would tell more of each answer" in (
        loaded.notes
    )


def test_columns_of_people_are_no_inputs_of_the_prompt(tmp_path: Path) -> None:
    text = RUBRIC.replace("order'}", "order', label: grade, output: reply}").replace(PROMPT, "system: Go.\n")
    rows = "ticket,reply,grade\nWhere?,There.,1\n"
    assert load_task(task_file(tmp_path, text, rows=rows)).task.variables == ("ticket",)


def test_a_judge_that_nobody_asks_is_named(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, PROMPT + REST + "judge: openai:a\n"))
    assert loaded.task.judge is None
    assert loaded.notes == ("the metric exact asks nobody, so `judge:` is not used",)


def divided(folder: Path, files: dict[str, str]) -> Path:
    for name, tickets in files.items():
        rows = "".join(f"{ticket},,shipping\n" for ticket in tickets.split())
        (folder / f"{name}.csv").write_text("ticket,notes,queue\n" + rows)
    named = ", ".join(f"{name}: {name}.csv" for name in files)
    return task_file(folder, PROMPT + REST.replace("tickets.csv", f"{{{named}}}"))


def test_rows_keep_the_split_that_their_user_chose(tmp_path: Path) -> None:
    loaded = load_task(divided(tmp_path, {"train": "a b", "dev": "c", "test": "d e"}))
    assert [(row.id, row.side, row.inputs["ticket"]) for row in loaded.examples] == [
        ("train-r1", "train", "a"),
        ("train-r2", "train", "b"),
        ("dev-r1", "dev", "c"),
        ("test-r1", "test", "d"),
        ("test-r2", "test", "e"),
    ]
    assert loaded.notes == ()


def test_one_file_on_the_command_line_stands_in_for_a_split(tmp_path: Path) -> None:
    path = divided(tmp_path, {"train": "a", "dev": "b", "test": "c"})
    found = load_task(path, overrides=Overrides(data=tmp_path / "test.csv")).examples
    assert [(row.id, row.side) for row in found] == [("r1", None)]


def test_train_alone_is_divided_like_any_file(tmp_path: Path) -> None:
    assert [row.side for row in load_task(divided(tmp_path, {"train": "a b"})).examples] == [None, None]


def test_a_test_row_that_the_search_would_see_is_refused_with_both_places(tmp_path: Path) -> None:
    path = divided(tmp_path, {"train": "a b", "dev": "c", "test": "d B"})
    with pytest.raises(BadInput) as caught:
        load_task(path)
    said = str(caught.value).replace(str(tmp_path), "FOLDER")
    assert said == (
        "FOLDER/test.csv:3: this test row has the same inputs as FOLDER/train.csv:3, which the search reads or scores; "
        "remove one of them"
    )


def test_a_dev_row_that_is_also_a_train_row_is_told(tmp_path: Path) -> None:
    loaded = load_task(divided(tmp_path, {"train": "a b", "dev": "b", "test": "c"}))
    (note,) = loaded.notes
    assert note.replace(str(tmp_path), "FOLDER") == (
        "a dev row has the same inputs as train rows (FOLDER/dev.csv:2 and FOLDER/train.csv:3), "
        "so dev scores flatter edits"
    )
