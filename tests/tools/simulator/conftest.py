from collections.abc import Callable
from pathlib import Path

import pytest

from socratune.memory.records import Example
from socratune.tools.simulator.own_rows import own_rows
from socratune.tools.simulator.world import World

Rows = Callable[[World], list[Example]]


@pytest.fixture
def rows() -> Rows:
    """The rows that come with a builtin world, with what is right for them."""
    return lambda world: list(own_rows(world))


SMALL = """
task: {name: small, goal: Sort letters., user: "Sort it.\\n\\n{{letter}}", expected: box, metric: exact}
ideal: {user: "- Red letters go up.\\n- Old letters go down.\\n- Name the box only.\\n\\n{{letter}}"}
noise: 0
length_tax: {above: 100, per_100: 0.1}
rules:
  - id: red
    says: Red letters go up.
    wordings: ['red letters[^.]{0,20} up']
    when: '\\bred\\b'
    cause: Nobody says where red letters go.
    without: {answer: down}
  - id: old
    says: Old letters go down.
    wordings: ['old letters[^.]{0,20} down']
    when: '\\bold\\b'
    cause: Nobody says where old letters go.
    without: {answer: up}
  - id: format
    says: Name the box only.
    wordings: ['box only']
    when: '\\bform\\b'
    cause: Nobody asks for the bare box.
    without: {prose: 'I would say {answer}, {perhaps}.'}
distractors:
  - {says: Be kind., wordings: ['be kind'], cause: It sounds unkind.}
  - {says: Blue is bad., wordings: ['blue is bad'], cause: Blue is not explained., breaks: '\\bblue\\b'}
  - {says: Add a reason., wordings: ['add a reason'], cause: No reason is given., contradicts: format}
"""


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """A world of three rules and three distractors, as a file that a test may change before it is read."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path
