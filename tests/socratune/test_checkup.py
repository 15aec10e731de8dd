"""What `doctor` says of the configuration and of the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

from .conftest import TASK, Command


def test_doctor_says_what_is_in_force_and_who_said_so(
    command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = desk.parent / ".socratune"
    home.mkdir()
    (home / "config.yaml").write_text("hosts: {https://gateway.example: GATEWAY_KEY}\nconcurrency: 3\n")
    (home / "config.yaml").chmod(0o600)
    monkeypatch.setenv("SOCRATUNE_OPTIMIZER", "sim:ticket-routing:weak")
    monkeypatch.setenv("GATEWAY_KEY", "canary-7261")
    ran = command("doctor", desk.name)
    assert ran.code == 0
    assert "canary" not in ran.out + ran.err
    said = {line.split()[1]: " ".join(line.split()[2:]) for line in ran.out.splitlines()}
    assert said["target"] == f"sim:ticket-routing ({desk.name}:12)"
    assert said["optimizer"] == "sim:ticket-routing:weak (SOCRATUNE_OPTIMIZER)"
    assert said["concurrency"] == f"3 ({home / 'config.yaml'}:2)"
    assert said["recipe"] == "auto (built in)"
    assert said["host"] == "https://gateway.example gets the key in GATEWAY_KEY, which is set"


def test_doctor_names_what_is_wrong_with_the_configuration(command: Command, desk: Path) -> None:
    (desk.parent / ".socratune").mkdir()
    (desk.parent / ".socratune" / "config.yaml").write_text("recipe: atuo\n")
    ran = command("doctor")
    assert ran.code == 1
    assert "config.yaml:1: unknown recipe 'atuo'; did you mean 'auto'?" in ran.out


def test_doctor_reads_a_promptfoo_configuration(command: Command, tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.yaml").write_text(
        "description: d\nprompts: ['{{a}}']\nproviders: [openai:chat:moderation]\ntests: [{vars: {a: b}}]\n"
    )
    ran = command("doctor", "promptfooconfig.yaml")
    assert ran.code == 0
    assert "openai:moderation (promptfooconfig.yaml:3)" in " ".join(ran.out.split())


def test_doctor_calls_each_model_once_and_says_how_it_went(
    command: Command, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "provider.jsonl"
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    with served(Wire(world=load_world("ticket-routing"), examples=(), manners=Manners(log=log))) as url:
        target = f"openai:ticket-routing@{url}/v1"
        desk.write_text(TASK.replace("sim:ticket-routing", target) + "optimizer: anthropic:claude-haiku-4-5\n")
        ran = command("doctor", desk, "--call", "--json")
    checks = ran.json["checks"]
    assert ran.code == 1
    assert checks[f"call {target}"]["ok"]
    assert checks[f"call {target}"]["said"].endswith("tokens, price not known")
    assert checks["call anthropic:claude-haiku-4-5"] == {"ok": False, "said": "ANTHROPIC_API_KEY is not set"}
    assert len(log.read_text().splitlines()) == 2, "one request and one answer"
    again = command("doctor", desk, "--call", "--json").json["checks"]
    assert again[f"call {target}"] == {"ok": False, "said": "the connection broke; is the server there?"}
