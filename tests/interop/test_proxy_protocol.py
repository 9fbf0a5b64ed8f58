"""PROXY headers in front of clients, and addresses of both families. nats-server has the former
since 2.12.3."""

import json
import re
import socket
import struct

import pytest

from harness import servers
from harness.certificates import Authority
from harness.client import Client
from harness.ports import free_port
from harness.wait import until

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.8 50007 4222\r\n"
V1_IPV6 = b"PROXY TCP6 2001:db8::7 2001:db8::8 50007 4222\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 8]) + struct.pack(">HH", 50007, 4222)
V2_IPV6 = (
    SIGNATURE + b"\x21\x21\x00\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::8") + struct.pack(">HH", 50007, 4222)
)  # fmt: skip


def connect(server, header: bytes = b"") -> socket.socket:
    sock = socket.create_connection((server.host, server.port), 10)
    sock.sendall(header)
    return sock


def address(server) -> tuple[str, int]:
    connection = server.monitor("/connz")["connections"][0]
    return connection["ip"], connection["port"]


@pytest.mark.parametrize(
    "header,ip",
    [(V1, "192.0.2.7"), (V2, "192.0.2.7"), (V1_IPV6, "2001:db8::7"), (V2_IPV6, "2001:db8::7")],
)
def test_address_behind_the_proxy(world, header, ip):
    server = world.alone("proxy_protocol: true")
    client = world.keep(Client("", 0, sock=connect(server, header)))
    assert "client_ip" not in client.info  # It would be the proxy's.
    client.flush()
    assert address(server) == (ip, 50007)
    until(lambda: client.flush() or client.infos, "the second INFO")
    assert client.infos[0]["client_ip"] == ip


def test_without_a_header(world):
    server = world.alone("proxy_protocol: true")
    client = world.client(server)
    client.subscribe("a")
    client.publish("a", b"x")
    assert client.next().payload == b"x"
    assert address(server)[0] == "127.0.0.1"


def test_of_the_proxy_itself(world):
    """A health check: the connection is taken as it is."""
    server = world.alone("proxy_protocol: true")
    for header in (b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\x00\x00\x00"):
        client = world.keep(Client("", 0, sock=connect(server, header)))
        assert address(server)[0] == "127.0.0.1"
        client.close()
        until(lambda: not server.monitor("/connz")["connections"], "it is gone")


def test_before_tls(world, tmp_path):
    authority = Authority(tmp_path)
    server = world.alone(authority.server_tls() + "\nproxy_protocol: true")
    client = world.keep(
        Client("", 0, sock=connect(server, V1), tls=authority.context())
    )
    client.flush()
    assert address(server) == ("192.0.2.7", 50007)


@pytest.mark.parametrize(
    "header",
    [b"PROXY TCP4 x y 1 2\r\n", b"PROXY " + b"x" * 200, SIGNATURE + b"\x41\x11\x00\x0c" + bytes(12)],
)
def test_a_broken_header_ends_the_connection(world, header):
    server = world.alone("proxy_protocol: true")
    sock = connect(server, header)
    text = b""
    try:
        while data := sock.recv(4096):
            text += data
    except ConnectionError:
        pass
    assert b"PONG" not in text
    until(
        lambda: "Protocol Violation" in str(server.monitor("/connz?state=closed")),
        "the reason is told",
    )


def test_a_header_that_was_not_asked_for(world):
    server = world.alone()
    with pytest.raises((OSError, EOFError)):
        Client("", 0, sock=connect(server, V1))


def speaks(host: str, port: int) -> bool:
    with socket.create_connection((host, port), 5) as sock:
        return sock.recv(5) == b"INFO "


@pytest.mark.parametrize("listen,hosts", [
    ("[::1]", ["::1"]), ("localhost", ["localhost"]), ("0.0.0.0", ["127.0.0.1", "::1"]),
    ("[::]", ["127.0.0.1", "::1"]),
])  # fmt: skip
def test_addresses_of_both_families(world, listen, hosts):
    server = world.alone(start=False)
    text = "\n".join(
        f'{key}: "{listen}:{port}"' for key, port in
        (("listen", server.port), ("http", server.monitor_port))
    )  # fmt: skip
    server.config.write_text(text + "\n")
    server.start(ready=False)
    for host in hosts:
        until(lambda: speaks(host, server.port), f"INFO from {host}")
        until(lambda: speaks_http(host, server.monitor_port), f"/varz from {host}")


def speaks_http(host: str, port: int) -> bool:
    with socket.create_connection((host, port), 5) as sock:
        sock.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
        return sock.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.0 200")


def test_ports_file(world, tmp_path):
    folder = tmp_path / "ports"
    folder.mkdir()
    server = world.alone(
        f'ports_file_dir: "{folder}"\nwebsocket {{ listen: "127.0.0.1:-1", no_tls: true }}\n'
        "leafnodes { listen: 127.0.0.1:{leaf} }"
    )
    file = until(lambda: list(folder.glob("*.ports")), "the file")[0]
    assert file.name == f"{server.kind.path.name}_{server.pid}.ports"
    ports = until(lambda: json.loads(file.read_text()), "its text")
    assert ports["nats"] == [f"nats://127.0.0.1:{server.port}"]
    assert ports["monitoring"] == [f"http://127.0.0.1:{server.monitor_port}"]
    assert ports["websocket"][0].startswith("ws://127.0.0.1:")
    said = server.output()  # Launchers of test suites read the addresses there.
    assert f"Listening for client connections on 127.0.0.1:{server.port}" in said
    assert f"Listening for websocket clients on {ports['websocket'][0]}" in said
    assert f"Starting http monitor on 127.0.0.1:{server.monitor_port}" in said
    if server.kind.is_petiole:
        assert ports["leafnodes"] == [f"nats://127.0.0.1:{server.ports['leaf']}"]
        server.stop()
        assert not file.exists()


# Clients' launchers take the port from INFO, where -1 leaves the choice to the system.
def test_info_names_the_ports_in_use(world):
    server = world.alone(start=False)
    parts = ("websocket", "no_tls: true"), ("leafnodes", "")
    server.config.write_text("listen: 127.0.0.1:-1\n" + "\n".join(
        f"{part} {{ listen: \"127.0.0.1:-1\"\n{more} }}" for part, more in parts
    ))  # fmt: skip
    server.start(ready=False)
    until(lambda: "Server is ready" in server.output(), "all listen")
    for name in ("client connections", "leafnode connections", "websocket clients"):
        said = re.search(rf"Listening for {name} on (?:ws://)?127.0.0.1:(\d+)", server.output())
        port = int(said.group(1))
        info = greeting(port, upgrade=name == "websocket clients")
        assert (info["host"], info["port"]) == ("127.0.0.1", port)
        if name == "leafnode connections":
            assert info["leafnode_urls"] == [info["ip"]] == [f"127.0.0.1:{port}"]


# What leafs may come back to. Of no_advertise the releases think differently: 2.9 sends the list.
@pytest.mark.parametrize("listen, more, clients", [
    ("0.0.0.0", "", ""),
    ("::", "", ""),
    ("127.0.0.1", "", ""),
    ("0.0.0.0", "advertise: hub.example", "client_advertise: 'box.example'"),
    ("0.0.0.0", "advertise: 'hub.example:7', no_advertise: false", "client_advertise: 'b:-1'"),
    ("0.0.0.0", "advertise: '[::1]:7'", "client_advertise: '[::1]:9'"),
])  # fmt: skip
def test_info_names_what_is_advertised(world, listen, more, clients):
    told = {}
    for kind in (servers.server_under_test(), servers.nats_server("newest")):
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", start=False)
        leaf, client = free_port(), free_port()
        host = f"[{listen}]" if ":" in listen else listen
        server.config.write_text(
            f'listen: "127.0.0.1:{client}"\n{clients}\n'
            f'leafnodes {{ listen: "{host}:{leaf}"\n{more} }}\n'
        )
        server.start(ready=False)
        until(lambda server=server: "Server is ready" in server.output(), "all listen")
        infos = greeting(leaf, upgrade=False), greeting(client, upgrade=False)
        fields = [[info.get(f) for f in ("host", "port", "ip", "leafnode_urls")] for info in infos]
        names = str(fields).replace(str(leaf), "LEAF").replace(str(client), "CLIENT")
        told[kind.is_petiole] = names
    assert told[True] == told[False]


def greeting(port: int, upgrade: bool) -> dict:
    """The first INFO, after an upgrade to WebSocket if so."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        if upgrade:
            sock.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
        text = b""
        while not (found := re.search(rb"INFO (\{.*\}) ?\r\n", text)):
            assert (data := sock.recv(4096)), text
            text += data
    return json.loads(found.group(1))
