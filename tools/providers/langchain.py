"""LangChain's chat models as ours: one that a program made, or `langchain:PROVIDER:NAME`.

Keys and addresses are the integration's own business: it reads them from the environment, and no task file can direct
it elsewhere. Its tracing is off: a host's setting must not post the user's rows.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from socratune.memory.errors import BadInput
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import ANSWER, LanguageModel, Reply, Request, burden, named
from socratune.tools.price import Price, given_price
from socratune.tools.providers.clients import Clients
from socratune.tools.providers.stream import CALLS, Draft

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

NATURAL_ENDS = frozenset({"stop", "end_turn", "complete", "eos_token"})
"""What integrations call an answer that ended by itself, in small letters."""
REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
"""All that is shown of an error that may repeat a key: the names of variables in it."""
EXTRA = "pip install 'socratune[langchain]'"


class Chats:
    """One chat model, for each limit on its answers; held by one event loop."""

    def __init__(self, limited: Callable[[int], Runnable[LanguageModelInput, AIMessage]]) -> None:
        self.limited = functools.lru_cache(limited)

    async def close(self) -> None:
        """Do nothing: the connections of a program's own model are its own."""


class _Integration(Chats):
    """Made by LangChain from a specification."""

    def __init__(self, spec: ModelSpec, options: ModelOptions) -> None:
        super().__init__(self._made)
        self._provider, _, self._name = spec.name.partition(":")
        self._options = options
        self._connections: httpx2.AsyncClient | None = None

    def _made(self, most: int) -> Runnable[LanguageModelInput, AIMessage]:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  # heavy, and an extra

        # Retries are the caller's: what is tried twice here would be paid twice and counted once.
        given: dict[str, Any] = {"max_tokens": most, "max_retries": 0, **self._connected()}
        if self._options.temperature is not None:
            given["temperature"] = self._options.temperature
        chat: BaseChatModel = init_chat_model(self._name, model_provider=self._provider, **given)
        return chat.bind_tools([dict(tool) for tool in self._options.tools]) if self._options.tools else chat

    def _connected(self) -> dict[str, Any]:
        """Return connections of this event loop's own: LangChain shares those to OpenAI between loops."""
        if self._provider not in ("openai", "azure_openai"):
            return {}
        from openai import DefaultAsyncHttpxClient  # noqa: PLC0415  # heavy

        self._connections = self._connections or DefaultAsyncHttpxClient(follow_redirects=False)
        return {"http_async_client": self._connections}

    async def close(self) -> None:
        """Close the connections that are ours to close."""
        if self._connections is not None:
            await self._connections.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class LangChainModel:
    """A `LanguageModel` over one of LangChain's."""

    spec: str
    make: Callable[[], Chats] = field(repr=False, compare=False)
    options: ModelOptions = PLAIN
    _chats: Clients[Chats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_chats", Clients(self.make))

    @classmethod
    def of(cls, spec: ModelSpec, options: ModelOptions) -> LangChainModel:
        """Return the model of a specification; it is made at its first call, or when it is checked."""
        return cls(spec=spec.text, options=options, make=lambda: _Integration(spec, options))

    @classmethod
    def around(cls, chat: BaseChatModel, *, price: tuple[float, float] | None = None) -> LangChainModel:
        """Return a program's own chat model as one of ours; its settings, keys and retries stay as they are.

        `price` is in USD for a million tokens, in and out; a cap in USD needs one.
        """
        said = (getattr(chat, name, None) for name in ("model_name", "model", "model_id"))
        name = next((each for each in said if isinstance(each, str) and each), "")
        spec = ":".join(part for part in ("langchain", type(chat).__name__, name) if part)
        options = ModelOptions(price=price)
        return cls(spec=spec, options=options, make=lambda: Chats(lambda most: chat.bind(max_tokens=most)))

    @property
    def name(self) -> str:
        """The specification, or the class and name of a program's own model."""
        return named(self.spec, self.options)

    @property
    def price(self) -> Price | None:
        """What was given: an integration does not say where it sends its calls."""
        return given_price(self.options)

    @property
    def overhead(self) -> int:
        """Tokens at most that a request holds besides its messages."""
        return burden(self.options)

    def check(self) -> None:
        """Raise `BadInput` when the model cannot be made here: a package or a key is missing."""
        if find_spec("langchain") is None:
            raise BadInput("LangChain is not installed", place=self.spec, cure=EXTRA)
        try:
            self.make().limited(1)
        except ImportError as error:
            raise BadInput(_line(error), place=self.spec) from error
        except Exception as error:  # noqa: BLE001  # integrations are other people's code and raise what they like
            said = _line(error) if type(error) is ValueError else type(error).__name__
            wanted = ", ".join(dict.fromkeys(_VARIABLE.findall(str(error))))
            cure = f"set {wanted}" if wanted else "see the documentation of its package"
            raise BadInput(f"cannot be made ({said})", place=self.spec, cure=cure) from None

    async def complete(self, request: Request) -> Reply:
        """Answer. What an integration raises is judged by the caller."""
        from langsmith import tracing_context  # noqa: PLC0415  # heavy

        turns = [(message.role, message.content) for message in request.messages]
        chats = await self._chats.get()
        with tracing_context(enabled=False):
            said = await chats.limited(request.max_tokens).ainvoke(turns)
        return _draft(said).reply(self.name, request)

    async def aclose(self) -> None:
        """Close what the running event loop holds; the next call makes it anew."""
        await self._chats.aclose()


def adapted(model: LanguageModel | BaseChatModel) -> LanguageModel:
    """Return what a program gave as a model: one of ours as it is, a LangChain chat model as one of ours."""
    if isinstance(model, LanguageModel):
        return model
    from langchain_core.language_models import BaseChatModel  # noqa: PLC0415  # heavy

    if not isinstance(model, BaseChatModel):
        cure = "give a LanguageModel, or a chat model of langchain-core"
        raise BadInput(f"a {type(model).__name__} is no model", place="models", cure=cure)
    return LangChainModel.around(model)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _draft(said: AIMessage) -> Draft:
    usage: Mapping[str, Any] = said.usage_metadata or {}
    draft = Draft(parts=[said.text], tokens_in=usage.get("input_tokens"), tokens_out=usage.get("output_tokens"))
    for number, call in enumerate(said.tool_calls):
        draft.called(number, name=call["name"], arguments=json.dumps(call["args"]))
    draft.stop_reason = _reason(said.response_metadata)
    return draft


def _reason(metadata: Mapping[str, Any]) -> str:
    """Return why an answer ended, in our word for a natural end.

    Many integrations never say; an answer that came whole and without a reason is taken for one.
    """
    written = next((metadata[name] for name in REASONS if metadata.get(name)), ANSWER)
    reason = str(getattr(written, "value", written)).lower()
    return ANSWER if reason in NATURAL_ENDS else reason if reason in CALLS else str(written)
