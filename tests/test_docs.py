"""What the documents say is true: no recipe is left out or made up, the worked example runs, named tests exist."""

from __future__ import annotations

import ast
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


def readme_rows() -> list[list[str]]:
    """The cells of the README's table of recipes."""
    [section] = re.findall(r"\n## Which method\?\n(.*?)\n## ", text("README.md"), flags=re.DOTALL)
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]


def test_the_readme_has_every_recipe_once_and_no_other() -> None:
    assert sorted(named([cells[0] for cells in readme_rows()])) == sorted(RECIPES)


def test_the_readme_says_what_each_recipe_needs() -> None:
    words = {"labels": "labels", "model": "a model", "goal": "a goal"}
    for names, *_, said in readme_rows():
        for recipe in (RECIPES[name] for name in named([names])):
            needs = [*recipe.needs, *(["goal"] if recipe.feedback == "pairwise" else [])]
            assert said == (", ".join(words[each] for each in needs) or "-"), recipe.name


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


NAMED = sorted(set(re.findall(r"`((?:tests|evals)/[^`]+\.py)::(\w+)`", text("docs/acceptance.md"))))


def defined_in(file: str) -> set[str]:
    """The names that a file defines at its top."""
    found = set()
    for node in ast.parse(text(file)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_the_acceptance_page_names_exists(file: str) -> None:
    assert {name for where, name in NAMED if where == file} <= defined_in(file)


def test_the_acceptance_page_has_all_systems_and_all_faults() -> None:
    page = text("docs/acceptance.md")
    systems = ["S008", "S019", "S020", "S031", "S033", "S037", "S042", "S055", "S058", "S067", "S094"]
    assert re.findall(r"^\| [^|]+ \((S\d+)\) \|", page, flags=re.MULTILINE) == systems
    assert re.findall(r"^\| (\d+) \| .*`tests/", page, flags=re.MULTILINE) == [str(n) for n in range(1, 21)]
