"""What requests in either wire protocol may hold, as far as the simulator reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError


class Refused(Exception):
    """A request is not answered."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


class Block(BaseModel):
    """A part of a turn."""

    type: Literal["text"]
    text: str
    cache_control: dict[str, JsonValue] | None = None


class Turn(BaseModel):
    """A turn of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Block]

    @property
    def text(self) -> str:
        """All of it."""
        return _text(self.content)


class Body(BaseModel):
    """A request in either protocol."""

    model: str
    messages: Annotated[list[Turn], Field(min_length=1)]
    stream: bool = False
    system: str | list[Block] = ""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None

    @property
    def instructions(self) -> str:
        """The system text."""
        return _text(self.system)

    @property
    def kept(self) -> int:
        """Characters up to the end of the last block that is marked; 0 without a mark."""
        contents = [self.system, *(turn.content for turn in self.messages)]
        ends, at = [0], 0
        for content in contents:
            for block in [] if isinstance(content, str) else content:
                at += len(block.text)
                ends += [at] if block.cache_control else []
            at += len(content) if isinstance(content, str) else 0
        return ends[-1]

    @classmethod
    def read(cls, raw: Mapping[str, JsonValue]) -> Body:
        """Return what a request says. Raises `Refused` when it is none."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Refused(400, "invalid_request_error", f"{where}: {first['msg']}") from error


def _text(content: str | list[Block]) -> str:
    return content if isinstance(content, str) else "".join(block.text for block in content)
