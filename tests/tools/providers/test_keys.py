"""Where keys go, and where they never stand."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Served, Speaker, asked, wire

from socratune.memory.errors import BadInput, CallFailed, FinalFailure
from socratune.orders import Reading, read_task
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import check_model, connect, connect_role
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.simulator.wire import Manners, Wire

if TYPE_CHECKING:
    from starlette.applications import Starlette

CANARY = "sk-canary-0123456789"


class Ear:
    """Keeps the headers of every request."""

    def __init__(self, app: Any, *, heard: list[str]) -> None:
        self._app, self._heard = app, heard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._heard.append(str(scope.get("headers")))
        await self._app(scope, receive, send)


class Overheard(Wire):
    """A provider at which every header is kept."""

    def listen(self, heard: list[str]) -> Overheard:
        self.ears = heard
        return self

    def app(self) -> Starlette:
        app = super().app()
        app.add_middleware(Ear, heard=self.ears)
        return app


def overheard(heard: list[str], key: str | None = None) -> Wire:
    plain = wire(Manners(key=key))
    return Overheard(world=plain.world, examples=plain.examples, manners=plain.manners).listen(heard)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, speaker: Speaker) -> None:
    """The canary stands wherever an SDK looks for something to send."""
    for name in ("API_KEY", "AUTH_TOKEN", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(speaker.variable(name), CANARY)
    headers = f"X-Own: {CANARY}\nAuthorization: Bearer {CANARY}"
    monkeypatch.setenv(speaker.variable("CUSTOM_HEADERS"), headers)


@pytest.mark.usefixtures("secrets")
async def test_a_host_that_nobody_vouched_for_gets_no_key(serve: Serve, speaker: Speaker) -> None:
    heard: list[str] = []
    model = speaker.model(speaker.spec(serve(made=overheard(heard))))
    assert (await model.complete(asked())).text
    assert len(heard) == 1
    assert CANARY not in heard[0]


async def test_the_host_named_in_the_environment_gets_the_key(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    stand_in = serve(made=overheard(heard, key=CANARY))
    monkeypatch.setenv(speaker.variable("API_KEY"), CANARY)
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(stand_in))
    assert (await speaker.model(f"{speaker.provider}:{WORLD}").complete(asked())).text
    assert CANARY in heard[0]


@pytest.mark.usefixtures("secrets")
async def test_a_redirect_is_not_followed(serve: Serve, speaker: Speaker) -> None:
    heard: list[str] = []
    with redirecting(to=serve(made=overheard(heard))) as first, pytest.raises(FinalFailure, match="HTTP 307"):
        await speaker.model(speaker.spec(first)).complete(asked())
    assert not heard


@contextmanager
def redirecting(*, to: Served) -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as http.server has it
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(307)
            self.send_header("location", f"{to.url}{self.path}")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as http.server has it
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Served(url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


async def test_a_refused_key_stands_in_no_error(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = serve(Manners(key="another"))  # its error repeats the key that it was given
    monkeypatch.setenv(speaker.variable("API_KEY"), CANARY)
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(stand_in))
    model = speaker.model(f"{speaker.provider}:{WORLD}")
    with pytest.raises(CallFailed, match=r"HTTP 401 \(authentication_error\)") as failed:
        await model.complete(asked())
    said = "".join(traceback.format_exception(failed.value))
    assert CANARY not in said + repr(failed.value) + repr(model)
    assert asked().messages[1].content not in said


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_named_before_anything_is_called(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key is not None:
        monkeypatch.setenv(speaker.variable("API_KEY"), key)
    for refuse in (check_model, lambda spec: connect(spec, examples=(), seed=0)):
        with pytest.raises(BadInput, match=f"{speaker.variable('API_KEY')} is not set"):
            refuse(f"{speaker.provider}:some-model")


@pytest.mark.parametrize("key", [f"{CANARY} again", f"{CANARY}\nX: y", f"{CANARY}\u00e9"])
def test_a_key_that_fits_no_header_is_not_repeated(speaker: Speaker, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(speaker.variable("API_KEY"), key)
    with pytest.raises(BadInput, match=speaker.variable("API_KEY")) as refused:
        check_model(f"{speaker.provider}:some-model")
    assert CANARY not in str(refused.value)


HOMES = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}


@pytest.mark.parametrize("place", ["http://{}", "https://{}:8443", "https://{}.example", "https://evil.example/{}"])
def test_an_address_that_only_resembles_the_providers_gets_no_key(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv(speaker.variable("API_KEY"), CANARY)
    url = place.format(HOMES[speaker.provider])
    assert Endpoint.of(ModelSpec.parse(f"{speaker.provider}:m@{url}")).key is None


def test_the_providers_own_address_may_be_written_out(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(speaker.variable("API_KEY"), CANARY)
    host = HOMES[speaker.provider]
    assert Endpoint.of(ModelSpec.parse(f"{speaker.provider}:m@https://{host}/v1")).key == CANARY


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "url", ["http://u:p@host/v1", "http://host/v1?key=1", "http://", "http://host:port", "https://h#x"]
)
def test_an_address_with_more_than_an_address_is_refused(provider: str, url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_model(f"{provider}:m@{url}")
    assert "u:p" not in str(refused.value)


GATEWAY = "sk-gateway-0123456789"


async def test_a_host_that_the_configuration_names_gets_that_key_and_nothing_else(
    serve: Serve, speaker: Speaker, secrets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    provider = serve(made=overheard(heard, key=GATEWAY))
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    model = connect(speaker.spec(provider), examples=(), seed=0, hosts={provider.url: "GATEWAY_KEY"})
    assert (await model.complete(asked())).text
    assert GATEWAY in heard[0]
    assert CANARY not in heard[0]
    assert GATEWAY not in repr(model)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("named", ["https://127.0.0.1:{port}", "http://127.0.0.1:{other}", "http://localhost:{port}"])
async def test_another_scheme_port_or_name_than_the_named_one_gets_no_key(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    heard: list[str] = []
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    provider = serve(made=overheard(heard))
    port = int(provider.url.rpartition(":")[2])
    hosts = {named.format(port=port, other=port + 1): "GATEWAY_KEY"}
    assert (await connect(speaker.spec(provider), examples=(), seed=0, hosts=hosts).complete(asked())).text
    assert GATEWAY not in heard[0]
    assert CANARY not in heard[0]


NAMED = "https://gateway.corp:8443"


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.corp:8443",
        "https://gateway.corp",
        "https://gateway.corp:443",
        "https://gateway.corp.evil.example:8443",
        "https://evil.example:8443/gateway.corp:8443",
        "https://xn--gatewy-fva.corp:8443",
        "https://gateway.corp\\.evil.example:8443",
    ],
)
def test_an_address_that_only_resembles_a_named_host_gets_no_key(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    monkeypatch.setenv(speaker.variable("API_KEY"), CANARY)
    found = Endpoint.of(ModelSpec.parse(f"{speaker.provider}:m@{url}"), hosts={NAMED: "GATEWAY_KEY"})
    assert found.key is None


@pytest.mark.parametrize("url", [NAMED, f"{NAMED}/v1", "https://GATEWAY.corp:8443/v1", "https://gateway.corp.:8443"])
def test_a_named_host_gets_its_key_at_every_path(speaker: Speaker, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    found = Endpoint.of(ModelSpec.parse(f"{speaker.provider}:m@{url}"), hosts={NAMED: "GATEWAY_KEY"})
    assert found.key == GATEWAY


@pytest.mark.parametrize("url", ["https://gateway.corp:8443@evil.example", "https://u:p@gateway.corp:8443"])
def test_an_address_with_a_user_is_refused_whatever_host_it_shows(speaker: Speaker, url: str) -> None:
    with pytest.raises(BadInput, match="the address cannot be used"):
        check_model(f"{speaker.provider}:m@{url}", hosts={NAMED: "GATEWAY_KEY"})


def test_a_named_host_whose_variable_is_not_set_is_refused(speaker: Speaker) -> None:
    with pytest.raises(BadInput, match="GATEWAY_KEY is not set"):
        check_model(f"{speaker.provider}:m@{NAMED}", hosts={NAMED: "GATEWAY_KEY"})


@pytest.mark.usefixtures("secrets")
async def test_a_named_host_that_redirects_leads_no_key_away(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    with redirecting(to=serve(made=overheard(heard))) as first:
        model = connect(speaker.spec(first), examples=(), seed=0, hosts={first.url: "GATEWAY_KEY"})
        with pytest.raises(FinalFailure, match="HTTP 307"):
            await model.complete(asked())
    assert not heard


@pytest.mark.usefixtures("secrets")
async def test_a_strangers_task_file_gets_no_key_sent_to_its_own_host(
    serve: Serve, speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setenv("GATEWAY_KEY", GATEWAY)
    stranger = serve(made=overheard(heard))
    (tmp_path / "rows.csv").write_text("ticket,expected\nWhere is it?,shipping\nPay me.,billing\n")
    file = tmp_path / "task.yaml"
    model = f"{{model: '{speaker.provider}:{WORLD}', base_url: '{speaker.base(stranger)}', headers: {{X-Note: hello}}}}"
    file.write_text(f"prompt: 'Which? {{{{ticket}}}}'\ndata: rows.csv\ntarget: {model}\n")
    hosts = {NAMED: "GATEWAY_KEY"}
    loaded = read_task(file, reading=Reading(hosts=hosts))
    connected = connect_role(loaded.task, "target", examples=loaded.examples, seed=0, hosts=hosts)
    assert (await connected.complete(asked())).text
    assert "hello" in heard[0]
    assert CANARY not in heard[0]
    assert GATEWAY not in heard[0]
