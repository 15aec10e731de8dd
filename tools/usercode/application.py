"""The user's own application as a model: it gets the messages and the row, and its answer is what is scored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from socratune.memory.errors import FinalFailure
from socratune.memory.usercode import Answerer, UserCode
from socratune.tools.model_spec import CALL
from socratune.tools.models import ANSWER, Price, Reply, Request
from socratune.tools.usercode.process import CodeProcess
from socratune.tools.usercode.worker import USES, file_of, outcome

SECONDS = 240.0
"""The longest that one answer may take."""


class AnswerForm(BaseModel):
    """An answer as it comes out of the user's code."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    text: str
    tokens_in: int | None = Field(default=None, ge=0)
    tokens_out: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)


async def _nothing() -> None:
    """Close what holds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A target that is the user's own code."""

    name: str
    run: Callable[[Mapping[str, object]], Awaitable[Any]]
    """From `messages` and `row` to an answer's fields. Raises `FinalFailure`."""
    close: Callable[[], Awaitable[None]] = _nothing
    price: Price | None = None
    reads_row: bool = True

    @classmethod
    def of(cls, code: UserCode) -> Application:
        """Return a function of a file, in a process of its own."""
        process = CodeProcess(code, use="application", seconds=SECONDS)
        return cls(name=code.spec, run=process.call, close=process.aclose)

    @classmethod
    def here(cls, function: Answerer) -> Application:
        """Return a function of this program, called where it is."""
        name, file = name_of(function), file_of(function)

        async def run(arguments: Mapping[str, object]) -> Any:
            said = await outcome(function, USES["application"], file, arguments)
            if "error" in said:
                raise FinalFailure(name, f"the application {said['error']}")
            return said["value"]

        return cls(name=name, run=run)

    async def complete(self, request: Request) -> Reply:
        """Answer as the application does. Its errors are final: it alone knows what is worth another attempt."""
        turns = [{"role": message.role, "content": message.content} for message in request.messages]
        value = await self.run({"messages": turns, "row": dict(request.row or {})})
        try:
            answer = AnswerForm.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            what = f"the application's answer cannot be used: {first['loc'][0]}: {first['msg']}"
            raise FinalFailure(self.name, what) from None
        tokens_in, tokens_out = answer.tokens_in or 0, answer.tokens_out or 0
        return Reply(text=answer.text, stop_reason=ANSWER, tokens_in=tokens_in, tokens_out=tokens_out, usd=answer.usd)

    async def aclose(self) -> None:
        """End its process, if it has one."""
        await self.close()


def name_of(function: Callable[..., object]) -> str:
    """Return what records call a function of this program: `call:module.qualname`."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{CALL}{named.__module__}.{named.__qualname__}"
