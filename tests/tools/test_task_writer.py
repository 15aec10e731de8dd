from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BadInput
from socratune.memory.records import Demo, Prompt
from socratune.tools.task_files import LoadedTask, Overrides, load_task
from socratune.tools.task_writer import apply, write_task

ROWS = "ticket,notes,queue\nWhere is my parcel?,first,shipping\nRefund please,second,billing\n"
REST = """\
data: tickets.csv   # exported on Monday
expected: queue
metric: exact

# which model
target: sim:tickets
"""
FORMS = {
    "block": "prompt: |  # or system:\n  Which queue?\n  {{ticket}}\n\n",
    "quoted": "prompt: 'Which queue? {{ticket}}'  # short\n",
    "plain": "prompt: Which queue? {ticket}  # short\n",
    "jinja": "prompt: >-\n    Which queue?\n    {{ ticket }}\n",
    "parts": "system: |\n  Sort {the} mail.\nuser: '{{ticket}}'\n",
    "messages": "messages:\n  - role: system\n    content: S.  # a\n  - content: |\n      {{ticket}}\n    role: user\n",
    "flow": "messages: [{role: system, content: Sort.}, {role: user, content: '{{ticket}}'}]\n",
    "fstring": 'prompt: |\n  Say {{"queue": 1}} for {ticket}\n',
    "braces": 'prompt: |\n  Say {"queue": 1} for {ticket}\n',
    "alone": "system: Sort the mail.\ninputs: [ticket]\n",
    "demos": "prompt: '{{ticket}}'\ndemos:\n- inputs: {ticket: lost}\n  output: |\n    shipping\n\n# after the demos\n",
}
DEMOS = (Demo(inputs={"ticket": "lost:\n # it"}, output="shipping"), Demo(inputs={"ticket": "yes"}, output="7"))
reuse = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
scraps = st.one_of(
    st.sampled_from(
        ["\n", " ", "\t", "#", ": ", "- ", "|", "'", '"', "{", "}", "%", "🙂", "\u2028", "\x85", "\ufeff", "\r\n"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
texts = st.lists(scraps, max_size=10).map("".join)


def task_file(folder: Path, form: str) -> Path:
    (folder / "tickets.csv").write_text(ROWS)
    path = folder / "task.yaml"
    path.write_text(f"# my task\n{FORMS[form]}{REST}")
    return path


def rewritten(prompt: Prompt, text: str, demos: tuple[Demo, ...] = ()) -> Prompt:
    """Another prompt of the same parts."""
    user = None if prompt.user is None else f"{text}{{{{ticket}}}}"
    return Prompt(system=None if prompt.system is None else f"Mail. {text}", user=user, demos=demos)


def without_prompt(loaded: LoadedTask) -> object:
    return replace(loaded.task, prompt=Prompt(user="")), loaded.examples


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["Sort by topic.\n\n  Be {brief}: \n", "Sort. ", " x\n", "\n\ny "])
@pytest.mark.parametrize("demos", [(), DEMOS])
def test_a_result_is_an_input(form: str, text: str, demos: tuple[Demo, ...], tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, form))
    prompt = rewritten(loaded.task.prompt, text, demos)
    write_task(tmp_path / "best.yaml", prompt, loaded)
    again = load_task(tmp_path / "best.yaml")
    assert again.task.prompt == prompt
    assert again.style == loaded.style or (loaded.style, again.style) == ("braces", "fstring")
    assert without_prompt(again) == without_prompt(loaded)


@reuse
@given(text=texts, form=st.sampled_from(sorted(FORMS)))
def test_any_text_that_can_be_written_reads_back_the_same(text: str, form: str, tmp_path: Path) -> None:
    path = task_file(tmp_path, form)
    loaded = load_task(path)
    prompt = rewritten(loaded.task.prompt, text)
    write_task(tmp_path / "best.yaml", prompt, loaded)
    assert load_task(tmp_path / "best.yaml").task.prompt == prompt
    apply(loaded, prompt)
    assert load_task(path).task.prompt == prompt


@pytest.mark.parametrize("form", FORMS)
def test_applying_changes_nothing_but_the_prompt(form: str, tmp_path: Path) -> None:
    path = task_file(tmp_path, form)
    loaded = load_task(path)
    prompt = rewritten(loaded.task.prompt, "Sort:\nbe brief. ", loaded.task.prompt.demos)
    assert apply(loaded, prompt) == path
    after = path.read_text()
    assert after.startswith("# my task\n")
    assert after.endswith(REST)
    comments = [piece.split("\n")[0] for piece in FORMS[form].split("#")[1:]]
    assert all(f"#{comment}" in after for comment in comments)
    again = load_task(path)
    assert again.task.prompt == prompt
    assert without_prompt(again) == without_prompt(loaded)


def test_a_block_is_replaced_in_place(tmp_path: Path) -> None:
    path = task_file(tmp_path, "block")
    apply(load_task(path), Prompt(user="Name the queue.\n\n    {{ticket}}"))
    block = "prompt: |  # or system:\n  Name the queue.\n\n      {{ticket}}\n\n"
    assert path.read_text() == f"# my task\n{block}{REST}"


def test_demos_are_added_at_the_end_and_replaced_in_place(tmp_path: Path) -> None:
    path = task_file(tmp_path, "quoted")
    loaded = load_task(path)
    apply(loaded, replace(loaded.task.prompt, demos=DEMOS))
    first = path.read_text()
    assert first.startswith(f"# my task\n{FORMS['quoted']}{REST}demos:\n")
    again = load_task(path)
    assert again.task.prompt.demos == DEMOS
    apply(again, replace(again.task.prompt, demos=()))
    assert path.read_text() == f"# my task\n{FORMS['quoted']}{REST}demos: []\n"


def test_a_prompt_file_is_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "ticket.md"
    file.write_bytes(b"\xef\xbb\xbfWhich queue?\r\n{ticket}\r\n")
    file.chmod(0o640)
    path = task_file(tmp_path, "quoted")
    path.write_text(f"prompt: file://ticket.md  # mine\n{REST}")
    loaded, before = load_task(path), path.read_text()
    assert apply(loaded, Prompt(user='Say {"a": 1}\n{{ticket}}')) == file
    assert file.read_bytes() == b'\xef\xbb\xbfSay {{"a": 1}}\r\n{ticket}\r\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert path.read_text() == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["task.yaml", "ticket.md", "tickets.csv"]


def test_line_ends_of_the_file_are_kept(tmp_path: Path) -> None:
    path = task_file(tmp_path, "block")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    loaded = load_task(path)
    apply(loaded, Prompt(user="A\n\nB {{ticket}}"))
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 8
    assert load_task(path).task.prompt == Prompt(user="A\n\nB {{ticket}}")


def test_a_prompt_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = task_file(tmp_path, "quoted")
    loaded = load_task(path)
    path.write_text(path.read_text().replace("Which", "What"))
    before = path.read_text()
    with pytest.raises(BadInput, match="has changed since it was read"):
        apply(loaded, Prompt(user="New {{ticket}}"))
    assert path.read_text() == before


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(system="A new part", user="{{ticket}}"),
        Prompt(user="file://other.md"),
        Prompt(user="{{ticket}} and {{ notes }}"),
        Prompt(user="No column, but {ticket}"),
        Prompt(user="{{ticket}} \ud800"),
    ],
)
def test_a_prompt_that_would_not_read_back_is_refused_and_the_file_left_alone(prompt: Prompt, tmp_path: Path) -> None:
    path = task_file(tmp_path, "quoted")
    loaded, before = load_task(path), path.read_text()
    with pytest.raises(BadInput):
        apply(loaded, prompt)
    assert path.read_text() == before


def test_a_value_that_another_key_borrows_is_not_changed_under_it(tmp_path: Path) -> None:
    path = task_file(tmp_path, "quoted")
    path.write_text("prompt: &text 'Which? {{ticket}}'\ngoal: *text\n" + REST)
    loaded, before = load_task(path), path.read_text()
    with pytest.raises(BadInput):
        apply(loaded, Prompt(user="New {{ticket}}"))
    assert path.read_text() == before


def test_a_literal_that_the_files_style_cannot_hold_turns_the_result_native(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, "plain"))
    prompt = Prompt(user="Write {ticket}: {{ticket}}")
    write_task(tmp_path / "best.yaml", prompt, loaded)
    again = load_task(tmp_path / "best.yaml")
    assert (again.task.prompt, again.style) == (prompt, "native")


def test_data_stays_within_reach_of_a_result_in_a_runs_folder(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, "block"))
    run = tmp_path / ".socratune" / "runs" / "r1"
    run.mkdir(parents=True)
    write_task(run / "best.yaml", loaded.task.prompt, loaded)
    assert "data: ../../../tickets.csv\n" in (run / "best.yaml").read_text()
    again = load_task(run / "best.yaml")
    assert (again.task, again.examples) == (loaded.task, loaded.examples)


def test_data_out_of_reach_is_named_in_full_for_the_user_to_pass(tmp_path: Path) -> None:
    loaded = load_task(task_file(tmp_path, "block"))
    out = tmp_path / "out"
    out.mkdir()
    write_task(out / "best.yaml", loaded.task.prompt, loaded)
    assert f"data: {tmp_path / 'tickets.csv'}\n" in (out / "best.yaml").read_text()
    with pytest.raises(BadInput, match="pass it with --data"):
        load_task(out / "best.yaml")
    again = load_task(out / "best.yaml", overrides=Overrides(data=tmp_path / "tickets.csv"))
    assert again.examples == loaded.examples


def test_overrides_stand_in_the_result(tmp_path: Path) -> None:
    overrides = Overrides(target="sim:other", optimizer="sim:other:weak", recipe="opro")
    loaded = load_task(task_file(tmp_path, "block"), overrides=overrides)
    write_task(tmp_path / "best.yaml", loaded.task.prompt, loaded)
    task = load_task(tmp_path / "best.yaml").task
    assert (task.target, task.optimizer, task.recipe) == ("sim:other", "sim:other:weak", "opro")


def test_locked_texts_follow_the_style_of_the_prompt(tmp_path: Path) -> None:
    path = task_file(tmp_path, "plain")
    path.write_text("prompt: 'Q {ticket}'\nconstraints: {max_tokens: 9, locked: ['{ticket}']}\n" + REST)
    loaded = load_task(path)
    write_task(tmp_path / "best.yaml", Prompt(user="Write {ticket}: {{ticket}}"), loaded)
    assert load_task(tmp_path / "best.yaml").task.constraints == loaded.task.constraints


def test_a_rubric_of_its_own_file_goes_along_with_the_result(tmp_path: Path) -> None:
    file = task_file(tmp_path, "block")
    file.write_text(file.read_text().replace("metric: exact", "metric: {rubric: file://rubric.md}\njudge: sim:tickets"))
    (tmp_path / "rubric.md").write_text("- Be kind: always\n- Be {brief}\n")
    loaded = load_task(file)
    run = tmp_path / ".socratune" / "runs" / "r1"
    run.mkdir(parents=True)
    write_task(run / "best.yaml", loaded.task.prompt, loaded)
    assert without_prompt(load_task(run / "best.yaml")) == without_prompt(loaded)
