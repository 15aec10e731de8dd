import pytest

from socratune.evals.prefix_cache import both
from socratune.tools.model_spec import Provider


@pytest.mark.parametrize(("provider", "most"), [("openai", 0.9), ("anthropic", 0.3)])
def test_one_ahead_pays_less_for_the_same_input(provider: Provider, most: float) -> None:
    plain, ahead = both(provider, rows=12, concurrency=6, latency=0.05)
    assert (ahead.calls, ahead.tokens_in) == (plain.calls, plain.tokens_in)
    assert ahead.tokens_cached > plain.tokens_cached
    assert 0 < ahead.usd < most * plain.usd
