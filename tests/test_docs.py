"""What the documents say of recipes is true: none is left out, none is made up, and the worked example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at
from tests.graphs.test_recipes import order_for

from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import RECIPES

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def named(lines: list[str]) -> list[str]:
    return [name for line in lines for name in re.findall(r"`([^`]+)`", line)]


def test_methods_has_every_recipe_once_and_no_other() -> None:
    headings = [line for line in text("docs/methods.md").splitlines() if line.startswith("## ")]
    assert sorted(named(headings)) == sorted(RECIPES)


def test_the_readme_has_every_recipe_once_and_no_other() -> None:
    [section] = re.findall(r"\n## Which method\?\n(.*?)\n## ", text("README.md"), flags=re.DOTALL)
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(named(cells)) == sorted(RECIPES)


@pytest.mark.parametrize("recipe", [each for each in RECIPES.values() if each.after.startswith("arXiv ")])
def test_both_name_the_paper_of_a_recipe(recipe: Recipe) -> None:
    paper = f"https://arxiv.org/abs/{recipe.after.removeprefix('arXiv ')}"
    [row] = [line for line in text("README.md").splitlines() if line.startswith("| `") and f"`{recipe.name}`" in line]
    sections = text("docs/methods.md").split("\n## ")
    [section] = [each for each in sections if f"`{recipe.name}`" in each.splitlines()[0]]
    assert paper in row
    assert paper in section


def test_the_recipe_that_contributing_adds_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = re.findall(r"\n### Adding a recipe\n.*?```python\n(.*?)```", text("CONTRIBUTING.md"), flags=re.DOTALL)
    scope: dict[str, object] = {}
    exec(block, scope)  # noqa: S102  # our own document
    [added] = [each for each in scope.values() if isinstance(each, Recipe)]
    monkeypatch.setitem(RECIPES, added.name, added)
    result = carry_out(order_for(added.name), home_at(tmp_path))
    assert result.as_dict()["recipe"] == added.name
    assert result.status == "improved"
