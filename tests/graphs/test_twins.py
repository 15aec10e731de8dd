"""Two parallel proposals that write the same prompt: the order of the moves, not of the replies, says whose it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of
from tests.graphs.scripted import BETTER, scripted_order, with_model

from socratune.graphs.recipes import RECIPES
from socratune.tools.models import LanguageModel, Reply, Request, ScriptedModel
from socratune.tools.price import Price
from socratune.tools.sections import sections


def same_prompt(request: Request) -> str:
    """Write the one prompt there is, for a reason of one's own: the style that was asked for."""
    style = sections(request.messages[-1].content)["style"]
    return f"<reason>{style}</reason>\n<new_user>\n{BETTER.user}\n</new_user>"


@dataclass(slots=True, kw_only=True)
class OneIsSlow:
    """A model whose first or second answer comes late."""

    slow: int
    name: str = "scripted:optimizer"
    price: Price | None = None
    model: LanguageModel = field(default_factory=lambda: ScriptedModel(answer=same_prompt, name="scripted:optimizer"))
    asked: int = 0

    async def complete(self, request: Request) -> Reply:
        self.asked += 1
        await asyncio.sleep(0.2 * (self.asked == self.slow))
        return await self.model.complete(request)


@pytest.mark.parametrize("slow", [1, 2])
def test_of_two_who_write_the_same_prompt_the_first_move_is_the_author(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: int
) -> None:
    restyling = replace(RECIPES["evoprompt"], name="restyling", proposers=("mutate",), needs=(), moves=2, rounds=1)
    monkeypatch.setitem(RECIPES, restyling.name, restyling)
    made = with_model(scripted_order(), "optimizer", OneIsSlow(slow=slow))
    carry_out(replace(made, task=replace(made.task, recipe=restyling.name)), home_at(tmp_path))
    with ledger_of(home_at(tmp_path)) as ledger:
        first, second = (event.body["content"]["candidate"] for event in ledger.events("proposal"))
        reasons = {event.key: event.body["content"]["candidate"]["reason"] for event in ledger.events("proposal")}
        assert first["reason"] != second["reason"]
        assert ledger.candidate(BETTER.id).reason == reasons["proposal:1.0"]
