"""A shop's ticket service: a FastAPI application as people have them, but for its model, which is simulated."""

from __future__ import annotations

import sys
from typing import Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from socratune.memory.records import Message
from socratune.tools.datasets import load
from socratune.tools.models import Request, connect
from socratune.tools.simulator.builtin import BUILTIN

TICKETS = load(BUILTIN / "ticket-routing.csv", inputs=("ticket",), expected="queue")
model = connect("sim:ticket-routing", examples=TICKETS, seed=0)
desk = FastAPI()


class Turn(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


class Question(BaseModel):
    messages: list[Turn]


@desk.post("/answer")
async def answer(question: Question) -> dict[str, str]:
    turns = tuple(Message(role=turn.role, content=turn.content) for turn in question.messages)
    return {"text": (await model.complete(Request(messages=turns, max_tokens=50))).text}


if __name__ == "__main__":
    uvicorn.run(desk, port=int(sys.argv[1]), log_level="warning")
