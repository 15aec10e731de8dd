"""Requests to a simulated optimizer, as the agents write them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from socratune.memory.records import Message
from socratune.tools.models import Request
from socratune.tools.replies import FORMS, REWRITE, RewriteReply
from socratune.tools.sections import section
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.world import load_world

Strength = Literal["strong", "weak"]
Json = Mapping[str, object]

WORLD = load_world("ticket-routing")
RULES = {rule.id: rule for rule in WORLD.file.rules}
BARE = "<user>\nWhich queue?\n\n{{ticket}}\n</user>"

# None of these tickets stands in any file.
CASES = {
    "refund": "My grandmother still waits for her refund, it is a disgrace.",
    "cancel": "Kindly cancel her subscription, she passed away.",
    "warranty": "The hinge of the lid came off, there is a warranty of ten years.",
    "damaged": "The postman handed me a dented box with a rattling kettle in it.",
    "legal": "See you in court, with all your invented interest.",
}


def failures(per_case: int, cases: Sequence[str] = tuple(CASES)) -> list[Json]:
    return [
        {
            "id": f"{case}{number}",
            "inputs": {"ticket": f"{CASES[case]} Note {number}."},
            "expected": "a",
            "answer": "b",
            "feedback": "",
        }
        for case in cases
        for number in range(per_case)
    ]


def hypotheses(*rules: str) -> list[Json]:
    return [
        {"label": label, "cause": RULES[rule].cause, "rule": RULES[rule].says, "examples": [f"{rule}0", f"{rule}1"]}
        for label, rule in zip("ABCDEFGH", rules, strict=False)
    ]


def request_for(form: str, repeat: int = 0, **parts: str) -> Request:
    body = "\n\n".join(section(name, text) for name, text in parts.items())
    system = Message(role="system", content=f"You help.\n\n{FORMS[form].instructions}")
    return Request(messages=(system, Message(role="user", content=body)), max_tokens=1_000, repeat=repeat)


async def answer(request: Request, strength: Strength = "strong", seed: int = 1) -> str:
    return (await SimulatedOptimizer(world=WORLD, strength=strength, seed=seed).complete(request)).text


async def rewrite(strength: Strength = "strong", repeat: int = 0, **parts: str) -> RewriteReply:
    """Ask as if for the second time, when nobody misses the form."""
    request = request_for(REWRITE.name, repeat, **{"prompt": BARE, **parts})
    repair = (*request.messages, Message(role="assistant", content="?"), Message(role="user", content="Again."))
    return REWRITE.parse(await answer(replace(request, messages=repair), strength))
