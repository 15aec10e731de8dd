from __future__ import annotations

from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.tools.usercode.reference import find_code, moved


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("python:../app.py:answer", "leads out of the folder"),
        ("python:/etc/app.py:answer", "leads out of the folder"),
        ("python:link.py:answer", "is a link"),
        ("python:linked/app.py:answer", "is a link"),
        ("python:file:///tmp/app.py:answer", "names no function in a file"),
        ("python:app.py", "names no function in a file"),
        ("python:app.py:answer()", "names no function in a file"),
        ("python:app.txt:answer", "names no function in a file"),
        ("python:gone.py:answer", "there is no file 'gone.py'"),
    ],
)
def test_code_lies_in_a_plain_file_in_the_folder(tmp_path: Path, spec: str, told: str) -> None:
    folder = tmp_path / "desk"
    (folder / "src").mkdir(parents=True)
    for place in (tmp_path / "app.py", folder / "app.py", folder / "src" / "app.py"):
        place.write_text("")
    (folder / "link.py").symlink_to(folder / "app.py")
    (folder / "linked").symlink_to(folder / "src")
    with pytest.raises(BadInput, match=r"^task\.yaml:3: ") as refused:
        find_code(spec, folder, place="task.yaml:3")
    assert told in str(refused.value)


def test_what_can_be_seen_without_running_a_file_is_refused_before_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    for text, told in {
        "def answer(): 0": "app.py has no function 'anwser'; did you mean 'answer'?",
        "\ndef (": f"{file}:2: not valid Python (invalid syntax)",
        "x = '\0'": "not valid Python",
    }.items():
        file.write_text(text)
        with pytest.raises(BadInput) as refused:
            find_code("python:app.py:anwser", tmp_path, place="task.yaml:3")
        assert told in str(refused.value)


@pytest.mark.parametrize("text", ["from desk import answer", "answer = object()", "from desk import *"])
def test_a_function_may_come_from_another_module(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.py").write_text(text)
    assert find_code("python:app.py:answer", tmp_path, place="").function == "answer"


def test_a_function_is_named_from_another_folder_as_long_as_its_file_lies_there(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "app.py").write_text("answer = None")
    code = find_code("python:app.py:answer", tmp_path / "desk", place="")
    assert moved(code, tmp_path) == "python:desk/app.py:answer"
    assert moved(code, tmp_path / "else") == "python:app.py:answer"
