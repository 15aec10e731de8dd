from pathlib import Path

import pytest

from socratune.evals.generate_worlds import WORLDS, rows_of, write
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.readings import inputs_text
from socratune.tools.simulator.world import load_world


def test_generator_writes_the_committed_rows_again(tmp_path: Path) -> None:
    write(tmp_path)
    for name in WORLDS:
        assert (tmp_path / f"{name}.csv").read_bytes() == (BUILTIN / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("name", list(WORLDS))
def test_row_shows_exactly_the_rules_that_it_was_written_for(name: str) -> None:
    world = load_world(name)
    for row in rows_of(name):
        text = inputs_text(row.inputs)
        shown = {rule.id for rule in world.file.rules if rule.when is not None and rule.when.search(text)}
        assert shown == set(row.rules), text
