"""Specifications, prices and waiting times."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from socratune.memory.errors import BadInput
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import connect
from socratune.tools.providers.failures import retry_after


@pytest.mark.parametrize(
    ("text", "name", "url"),
    [
        ("openai:gpt-5", "gpt-5", None),
        ("openai:ft:gpt-4o:me", "ft:gpt-4o:me", None),
        ("anthropic:claude@2026", "claude@2026", None),
        ("openai:llama3:8b@http://localhost:11434/v1/", "llama3:8b", "http://localhost:11434/v1"),
        ("anthropic:a@b@https://gateway.example", "a@b", "https://gateway.example"),
    ],
)
def test_a_specification_is_a_provider_a_name_and_perhaps_an_address(text: str, name: str, url: str | None) -> None:
    spec = ModelSpec.parse(text)
    assert (spec.text, spec.provider, spec.name, spec.url) == (text, text.partition(":")[0], name, url)


@pytest.mark.parametrize("text", ["openai:", "openai:@http://host", "gemini:pro", "openai", ":gpt", "sim:"])
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(BadInput, match="openai:NAME@http://host/v1"):
        ModelSpec.parse(text)


def test_known_models_have_a_price_and_others_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "k")
    price = connect("anthropic:claude-sonnet-4-5", examples=(), seed=0).price
    assert price is not None
    assert (price.input, price.output) == (3.0, 15.0)
    assert connect("openai:gpt-4o-mini", examples=(), seed=0).price is not None
    assert connect("openai:made-up", examples=(), seed=0).price is None


def test_a_server_at_another_address_does_not_cost_what_the_provider_does() -> None:
    assert connect("openai:gpt-4o-mini@http://localhost:1/v1", examples=(), seed=0).price is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_what_a_provider_asks_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_is_waited_for() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waited = retry_after({"retry-after": later})
    assert waited is not None
    assert 80 < waited <= 90


def test_connecting_imports_no_sdk() -> None:
    code = (
        "import sys; from socratune.tools.models import connect;"
        "connect('openai:m@http://localhost:1/v1', examples=(), seed=0);"
        "connect('anthropic:m@http://localhost:1', examples=(), seed=0);"
        "print(sorted({'openai', 'anthropic', 'httpx2', 'genai_prices'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
