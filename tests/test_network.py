import socket

import pytest

NOWHERE = "192.0.2.1"  # reserved for documentation


def test_no_test_can_reach_another_machine() -> None:
    with socket.socket() as caller, pytest.raises(RuntimeError, match=NOWHERE):
        caller.connect((NOWHERE, 443))
    with socket.socket(type=socket.SOCK_DGRAM) as caller, pytest.raises(RuntimeError, match=NOWHERE):
        caller.sendto(b"", (NOWHERE, 53))


def test_no_test_can_look_up_a_name() -> None:
    with pytest.raises(RuntimeError, match=r"provider\.example"):
        socket.getaddrinfo("provider.example", 443)


def test_a_server_of_our_own_can_be_reached() -> None:
    with socket.socket() as server, socket.socket() as caller:
        server.bind(("127.0.0.1", 0))
        server.listen()
        caller.connect(server.getsockname())
