"""What is said before the first call, held against what is then spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import TASK, Command, lay_out


def small(folder: Path, caps: str) -> Path:
    file = lay_out(folder, rows=100)
    file.write_text(TASK.replace("{rollouts: 400}", caps))
    return file


@pytest.mark.parametrize("caps", ["{rollouts: 120}", "{usd: 0.1}", "{tokens: 30000, rollouts: 500}", "{calls: 100}"])
def test_run_ends_between_low_and_high(command: Command, tmp_path: Path, caps: str) -> None:
    file = small(tmp_path, caps)
    forecast = command("estimate", file, "--json").json
    ended = command("optimize", file, "--json", "--quiet", "--no-memory").json
    spent = {
        "calls": ended["calls"]["rollouts"] + ended["calls"]["optimizer"],
        "tokens": ended["tokens"]["in"] + ended["tokens"]["out"],
        "usd": ended["usd"],
    }
    for name, amount in spent.items():
        assert forecast["total"]["low"][name] <= amount <= forecast["total"]["high"][name]
    for role, count in (("target", ended["calls"]["rollouts"]), ("optimizer", ended["calls"]["optimizer"])):
        assert forecast["roles"][role]["low"]["calls"] <= count <= forecast["roles"][role]["high"]["calls"]
    assert forecast["splits"] == ended["splits"] | {"test": forecast["splits"]["test"]}


def test_estimate_takes_no_key_and_makes_no_run(command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    words = ["estimate", desk, "--target", "openai:gpt-4.1-mini", "--budget", "5"]
    ran = command(*words)
    said = " ".join(ran.out.split())
    assert (ran.code, ran.err) == (0, "")
    for told in (
        "OPENAI_API_KEY is not set",
        "api.openai.com is sent the prompt and all 150 rows",
        "never more than 5.00 USD",
        "80 % chance to be proven",
        "rounds of proposals fit",
    ):
        assert told in said
    assert command(*words, "--json").json["roles"]["target"]["high"]["usd"] > 0
    assert not list(desk.parent.glob(".socratune/runs/*"))


def test_estimate_names_the_cap_that_ends_the_search_first(command: Command, desk: Path) -> None:
    assert command("estimate", desk, "--budget", "rollouts=100,usd=50", "--json").json["first_cap"] == "rollouts"
    assert command("estimate", desk, "--budget", "rollouts=5000,usd=0.1", "--json").json["first_cap"] == "usd"


def test_advice_holds_when_it_is_taken(command: Command, desk: Path) -> None:
    few = command("estimate", desk, "--budget", "rollouts=200", "--json").json
    assert few["test"]["rows"] == 30
    assert few["advice"][0].startswith("At this budget the test has 30 rows a side; 600 target calls would give 75")
    enough = command("estimate", desk, "--budget", "rollouts=600", "--json").json
    assert enough["test"]["rows"] == 75
    assert "labelled rows give them" in enough["advice"][0]
    tight = command("estimate", desk, "--budget", "0.02", "--json").json
    assert any(line.startswith("25 % of 0.02 USD are held for the test") for line in tight["advice"])


def test_optimize_shows_the_same_before_it_begins(command: Command, desk: Path) -> None:
    said = command("estimate", desk, "--budget", "rollouts=0").out
    shown = command("optimize", desk, "--budget", "rollouts=0", "--no-memory").err
    assert said.rstrip() in shown


def test_estimate_says_how_much_weaker_a_second_look_is(command: Command, desk: Path) -> None:
    first = command("estimate", desk, "--json").json["test"]
    command("optimize", desk, "--quiet", "--no-memory")
    second = command("estimate", desk, "--json").json["test"]
    assert second["rows"] == first["rows"]
    assert (first["alpha"], second["alpha"]) == (0.05, 0.025)
    assert second["detectable"] > first["detectable"]
    assert "instead of 0.05" in command("estimate", desk).out
