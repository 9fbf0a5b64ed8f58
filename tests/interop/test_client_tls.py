"""TLS for clients: every way in, every way to be refused, and certificates that change."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import urllib.request

import pytest

from harness import servers
from harness.certificates import Authority
from harness.client import Client
from harness.wait import until

REQUIRED = "Secure Connection - TLS Required"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def accepts(server) -> bool:
    socket.create_connection((server.host, server.port), 2).close()
    return True


def serve(world, authority, more: str = "", config: str = "", name: str = "localhost"):
    server = world.alone(authority.server_tls(name, more=more) + "\n" + config, start=False)
    server.start(ready=False)
    until(lambda: accepts(server), "the port is open")
    return server


def mutual(authority, name: str = "client", names: str = "DNS:client.example") -> ssl.SSLContext:
    context = authority.context()
    context.load_cert_chain(*authority.issue(name, names))
    return context


def carries(client: Client) -> None:
    body = bytes(i % 251 for i in range(100_000))
    client.subscribe("a")
    client.publish("a", body)
    assert client.next().payload == body


def secured(server, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    """TLS before any word."""
    plain = socket.create_connection((server.host, server.port), 10)
    return context.wrap_socket(plain, server_hostname=name)


def words(sock: socket.socket, timeout: float = 10) -> bytes:
    """All that comes until the server closes."""
    sock.settimeout(timeout)
    text = b""
    try:
        while data := sock.recv(65536):
            text += data
    except (ConnectionError, ssl.SSLError):
        pass
    return text


def test_what_came_before_the_end_is_taken(world, authority):
    """A login whose hash is compared meanwhile, a message and TLS's own end, in one read."""
    hashed = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    users = f'authorization {{ users: [{{user: s, password: s}}, {{user: u, password: "{hashed}"}}] }}'
    server = serve(world, authority, config=users)
    heard = world.keep(server.client(tls=authority.context(), user="s", password="s"))
    heard.subscribe("a")
    heard.flush()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection((server.host, server.port), 10) as plain:
        plain.recv(65536)  # INFO
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        plain.sendall(outgoing.read())
        tls.write(b'CONNECT {"user":"u","pass":"U*U","verbose":false}\r\nPUB a 5\r\nhello\r\n')
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        plain.sendall(outgoing.read())
        assert heard.next().payload == b"hello"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions(world, authority, version):
    server = serve(world, authority)
    context = authority.context()
    context.minimum_version = context.maximum_version = version
    client = world.keep(server.client(tls=context))
    assert client.info["tls_required"] and not client.info.get("tls_available")
    assert not client.info.get("tls_verify")
    carries(client)
    varz, connection = server.monitor("/varz"), server.monitor("/connz")["connections"][0]
    assert varz["tls_required"] and varz["tls_timeout"] == 5 and not varz.get("tls_verify")
    assert connection["tls_version"] == ("1.2" if version == ssl.TLSVersion.TLSv1_2 else "1.3")
    assert connection["tls_cipher_suite"].startswith("TLS_")


def test_many_clients_at_once(world, authority):
    server = serve(world, authority)
    context = authority.context()
    clients = [world.keep(server.client(tls=context)) for _ in range(40)]
    for client in clients:
        client.subscribe("all")
        client.flush()
    clients[0].publish("all", b"x")
    assert all(client.next().payload == b"x" for client in clients)


@pytest.mark.petiole  # The reference closes without a word.
def test_clear_text_is_refused(world, authority):
    server = serve(world, authority, more="timeout: 0.5")
    for hello in (b"CONNECT {}\r\nPING\r\n", b""):
        sock = socket.create_connection((server.host, server.port), 10)
        sock.sendall(hello)
        assert words(sock).endswith(f"-ERR '{REQUIRED}'\r\n".encode())
    until(
        lambda: 2 <= str(server.monitor("/connz?state=closed")).count("TLS Handshake Failure"),
        "both are told of",
    )


def test_a_client_that_stops_in_the_handshake_is_cut(world, authority):
    server = serve(world, authority, more="timeout: 0.5")
    sock = socket.create_connection((server.host, server.port), 10)
    sock.recv(4096)
    sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    words(sock)  # Ends.


def test_client_certificate(world, authority, tmp_path):
    server = serve(world, authority, more=f'verify: true, ca_file: "{authority.cert}"')
    client = world.keep(server.client(tls=mutual(authority)))
    assert client.info["tls_verify"] and server.monitor("/varz")["tls_verify"]
    carries(client)
    stranger = Authority(tmp_path, "stranger")
    wrong = authority.context()
    wrong.load_cert_chain(*stranger.issue("client"))
    for context in (authority.context(), wrong):
        with pytest.raises((OSError, EOFError)):
            server.client(tls=context)


def test_optional_client_certificate(world, authority, tmp_path):
    """None is needed; one that is shown is checked."""
    server = serve(world, authority, more=f'verify: optional, ca_file: "{authority.cert}"')
    optional_certificate(world, server, authority, tmp_path)
    assert not server.monitor("/varz").get("tls_verify")


def optional_certificate(world, server, authority, tmp_path):
    for context in (authority.context(), mutual(authority)):
        client = world.keep(server.client(tls=context))
        assert not client.info.get("tls_verify")
        carries(client)
    wrong = authority.context()
    wrong.load_cert_chain(*Authority(tmp_path, "stranger").issue("client"))
    with pytest.raises((OSError, EOFError)):
        server.client(tls=wrong)


def test_certificate_names_the_user(world, authority):
    config = """authorization { users: [
      { user: "box@plant.example" }, { user: "box.example" }, { user: "CN=by-subject" } ] }"""
    server = serve(
        world, authority, f'verify_and_map: true, ca_file: "{authority.cert}"', config
    )
    for name, names, user in (
        ("a", "email:box@plant.example,DNS:other.example", "box@plant.example"),
        ("b", "DNS:box.example", "box.example"),
        ("by-subject", "DNS:unknown.example", "CN=by-subject"),
    ):
        client = world.keep(server.client(tls=mutual(authority, name, names), name=name))
        carries(client)
        known = server.monitor("/connz?auth=1")["connections"]
        assert [c["authorized_user"] for c in known if c["name"] == name] == [user]
    with pytest.raises((OSError, EOFError)):
        server.client(tls=mutual(authority, "nobody", "DNS:nobody.example"), user="box.example",
                      password="x")


def test_tls_or_not(world, authority):
    server = serve(world, authority, config="allow_non_tls: true")
    server.wait_for_output("TLS available for client connections")
    clear = world.client(server)
    assert clear.info["tls_available"] and not clear.info.get("tls_required")
    carries(clear)
    carries(world.keep(server.client(tls=authority.context())))
    assert not server.monitor("/varz").get("tls_required")
    silent = socket.create_connection((server.host, server.port), 10)
    assert silent.recv(4096).startswith(b"INFO ")


def test_handshake_first(world, authority):
    server = serve(world, authority, "handshake_first: true")
    client = world.keep(Client("", 0, sock=secured(server, authority.context())))
    assert client.info["tls_required"]
    carries(client)
    sock = socket.create_connection((server.host, server.port), 10)
    sock.sendall(b"CONNECT {}\r\n")
    assert not words(sock).startswith(b"INFO")


@pytest.mark.parametrize("first", ["auto", "300ms"])
def test_handshake_first_with_a_delay(world, authority, first):
    server = serve(world, authority, f'handshake_first: "{first}"')
    carries(world.keep(Client("", 0, sock=secured(server, authority.context()))))
    carries(world.keep(server.client(tls=authority.context())))


def test_certificate_by_name(world, authority, tmp_path):
    one, two = authority.issue("one", "DNS:one.example"), authority.issue("two", "DNS:two.example")
    pairs = ", ".join(f'{{ cert_file: "{c}", key_file: "{k}" }}' for c, k in (one, two))
    server = world.alone(f"tls {{ certs: [ {pairs} ] }}", start=False)
    server.start()
    for name in ("one.example", "two.example"):
        carries(world.keep(server.client(tls=authority.context(), tls_name=name)))
    with pytest.raises(ssl.SSLCertVerificationError):
        server.client(tls=authority.context(), tls_name="three.example")


def public_key(cert: str) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, as nats-server's documentation computes it."""
    command = f"openssl x509 -in '{cert}' -pubkey -noout | openssl pkey -pubin -outform der | sha256sum"
    return subprocess.run(command, shell=True, check=True, capture_output=True).stdout[:64].decode()


def test_pinned_certificates(world, authority):
    right, wrong = (authority.issue(name, f"DNS:{name}.example") for name in ("right", "wrong"))
    server = serve(
        world, authority,
        f'verify: true, ca_file: "{authority.cert}", pinned_certs: ["{public_key(right[0])}"]',
    )  # fmt: skip
    context = authority.context()
    context.load_cert_chain(*right)
    carries(world.keep(server.client(tls=context)))
    context = authority.context()
    context.load_cert_chain(*wrong)
    with pytest.raises((OSError, EOFError)):
        server.client(tls=context)


def test_rate_limit(world, authority):
    server = serve(world, authority, "connection_rate_limit: 2")
    outcomes = []

    def one_is_throttled() -> bool:
        sock = socket.create_connection((server.host, server.port), 10)
        sock.recv(4096)
        sock.sendall(b"\x16\x03\x01\x00\x05hello")
        outcomes.append(words(sock))
        return b"Connection throttling is active" in outcomes[-1]

    until(one_is_throttled, "a handshake too many within a second", every=0)
    assert len(outcomes) > 2 or b"throttling" not in outcomes[0]
    until(lambda: server.client(tls=authority.context()).close() or True, "later one is let in")


def test_minimum_version_and_suites(world, authority):
    server = serve(world, authority, 'min_version: "1.3"')
    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((OSError, EOFError)):
        server.client(tls=context)
    carries(world.keep(server.client(tls=authority.context())))


@pytest.mark.petiole  # The reference wants a signal.
def test_changed_certificates_are_picked_up(world, tmp_path):
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    server = serve(world, old)
    cert, key = tmp_path / "old-localhost.pem", tmp_path / "old-localhost.key"
    before = world.keep(server.client(tls=old.context()))
    # Half of a change: the old pair stays in use, and it is said.
    fresh = new.issue("localhost")
    shutil.copy(fresh[0], cert)
    carries(world.keep(server.client(tls=old.context())))
    server.wait_for_output("the certificates that were loaded before stay in use")
    cert.write_text("nothing")
    carries(world.keep(server.client(tls=old.context())))
    shutil.copy(fresh[0], cert)
    shutil.copy(fresh[1], key)
    carries(world.keep(server.client(tls=new.context())))
    with pytest.raises(ssl.SSLCertVerificationError):
        server.client(tls=old.context())
    carries(before)


@pytest.mark.petiole
def test_files_that_cannot_be_used_are_configuration_errors(world, authority, tmp_path):
    cert, key = authority.issue("localhost")
    _, other = authority.issue("other")
    (tmp_path / "empty.pem").write_text("nothing here\n")
    for cert_file, key_file, place, said in (
        ("none.pem", key, ":5:20: ", "No such file or directory"),
        (tmp_path / "empty.pem", key, ":5:20: ", "holds no PEM block of a certificate"),
        (cert, other, ":6:19: ", "does not belong to the certificate"),
        (cert, tmp_path, ":6:19: ", "is a directory, not a PEM file"),
    ):
        server = world.alone(
            f'tls {{\n        cert_file: "{cert_file}"\n        key_file: "{key_file}"\n}}', start=False
        )
        server.start(ready=False)
        assert server.wait() == 1
        assert place in server.output() and said in server.output(), server.output()


def test_flags(world, authority):
    cert, key = authority.issue("localhost")
    args = ["--tlsverify", "--tlscert", cert, "--tlskey", key, "--tlscacert", str(authority.cert)]
    server = world.alone(args=args)
    carries(world.keep(server.client(tls=mutual(authority))))
    with pytest.raises((OSError, EOFError)):
        server.client(tls=authority.context())


def test_the_flag_for_an_optional_certificate(world, authority, tmp_path):
    cert, key = authority.issue("localhost")
    args = ["--tlsverify=optional", "--tlscert", cert, "--tlskey", key, "--tlscacert", str(authority.cert)]
    optional_certificate(world, world.alone(args=args), authority, tmp_path)


def test_cli_over_tls(world, authority):
    server = serve(world, authority)
    url = f"tls://localhost:{server.port}"
    answer = subprocess.run(
        [str(servers.NATS_CLI), "-s", url, "--tlsca", str(authority.cert), "pub", "a", "b"],
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "HOME": str(world.directory)},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr


def test_monitoring_over_https(world, authority):
    """Whoever may connect may look, also where clients must show a certificate."""
    looks(world, authority, f'verify: true, ca_file: "{authority.cert}"')
    looks(world, authority, f'verify: optional, ca_file: "{authority.cert}"')


def looks(world, authority, more: str):
    server = world.alone(authority.server_tls(more=more), start=False)
    text = server.config.read_text().replace("http:", "https:")
    server.config.write_text(text)
    server.start()
    url = f"https://localhost:{server.monitor_port}/varz"
    with urllib.request.urlopen(url, timeout=10, context=authority.context()) as answer:
        text = answer.read().decode()
    assert f'"https_port": {server.monitor_port}' in text and '"http_port": 0' in text
