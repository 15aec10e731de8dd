from __future__ import annotations

from socratune.memory.ledger import Ledger
from socratune.memory.records import Prompt
from socratune.memory.talk import Card, Talk, Turn, Version

ROUTE, BETTER = Prompt(user="Route. {{ticket}}"), Prompt(user="Route well. {{ticket}}")
CARD = Card(goal="Route.", inputs=("ticket",), output="")


async def test_the_first_words_of_a_turn_stand(ledger: Ledger) -> None:
    talk = Talk(ledger)
    await talk.ask(2, "hard", "Who gets it?", "It is open.")
    for words in ("Billing.", "Sales."):
        await talk.say(1, "Route tickets.")
        await talk.say(2, words)
    assert talk.turns() == (
        Turn(number=1, words="Route tickets."),
        Turn(number=2, words="Billing.", topic="hard", question="Who gets it?", reason="It is open."),
    )
    assert talk.said(3) is None


async def test_the_newest_prompt_stands_until_it_is_taken_back(ledger: Ledger) -> None:
    talk = Talk(ledger)
    assert talk.current() is None
    first, second = Version(turn=0, prompt=ROUTE, origin="yours"), Version(turn=1, prompt=BETTER, origin="draft")
    await talk.keep_version("yours", first)
    await talk.keep_version("1", second)
    await talk.keep_version("1", replace_nothing(second))
    assert talk.versions() == (first, second)
    await talk.step_back()
    assert talk.current() == first
    await talk.step_back()
    assert talk.versions() == (first,)
    await talk.keep_version("2", second)
    assert talk.current() == second


def replace_nothing(version: Version) -> Version:
    """A replayed step finds its key taken."""
    return Version(turn=version.turn, prompt=ROUTE, origin="draft")


async def test_the_last_card_stands(ledger: Ledger) -> None:
    talk = Talk(ledger)
    assert talk.card() is None
    await talk.keep_card(1, CARD)
    await talk.keep_card("rows 0", Card(goal="Route well.", inputs=("ticket",), output="", notes=("Too long.",)))
    card = talk.card()
    assert card is not None
    assert card.brief == "Route well.\nFound wrong by the user: Too long."
    assert talk.made_in(1) == frozenset({"card"})
    assert not talk.made_in(2)
