from __future__ import annotations

from dataclasses import replace

import pytest

from socratune.evals.trees import PLANNED, SEARCHES
from socratune.graphs.recipes import RECIPES


@pytest.mark.parametrize("name", SEARCHES)
def test_the_searches_differ_in_nothing_else(name: str) -> None:
    assert replace(SEARCHES[name], search=RECIPES[PLANNED].search) == RECIPES[PLANNED]
    assert SEARCHES[name].search != RECIPES[PLANNED].search
