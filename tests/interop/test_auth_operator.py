"""Operator mode with the real `nsc`: accounts made, pushed, changed and deleted by it."""

import hashlib
import os
import re
import subprocess
import time

import pytest

from harness import servers
from harness.jwt import Key, Operator, token
from harness.wait import until

NSC = servers.NSC
pytestmark = pytest.mark.skipif(not NSC.exists(), reason="NSC IS MISSING: nothing here was tested")


class Nsc:
    """One operator, O, with SYS and the account A, in a folder of its own."""

    def __init__(self, world):
        self.home = world.directory / "nsc"
        self.env = {**os.environ, "HOME": str(self.home), "NSC_HOME": str(self.home / "nsc"),
                    "NKEYS_PATH": str(self.home / "keys"), "XDG_CONFIG_HOME": str(self.home / "config"),
                    "XDG_DATA_HOME": str(self.home / "data"), "NSC_NO_GIT_IGNORE": "true"}  # fmt: skip
        self.home.mkdir(parents=True)
        self.run("add", "operator", "--generate-signing-key", "--sys", "--name", "O")
        self.run("add", "account", "A")
        self.run("add", "user", "--account", "A", "u")

    def run(self, *args) -> str:
        done = subprocess.run([str(NSC), *args], capture_output=True, text=True, env=self.env, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        assert done.returncode == 0, f"nsc {args}: {done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def config(self, directory) -> str:
        """What `nsc generate config --nats-resolver` makes, with a folder of ours."""
        text = self.run("generate", "config", "--nats-resolver", "--sys-account", "SYS")
        text = text[text.index("operator:") :] if "operator:" in text else text
        return re.sub(r"dir: .*", f"dir: '{directory}'", text)

    def creds(self, name: str = "u", account: str = "A") -> str:
        path = self.home / f"{account}-{name}.creds"
        self.run("generate", "creds", "--account", account, "--name", name, "--output-file", str(path))
        return str(path)

    def push(self, server, *more) -> str:
        return self.run("push", "--all", "--account-jwt-server-url", server.url, *more)


@pytest.fixture
def nsc(world):
    return Nsc(world)


@pytest.fixture
def server(world, nsc):
    return world.alone(nsc.config(world.directory / "jwt"))


def nats(world, server, creds, *args, status=0) -> str:
    env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
    done = subprocess.run([str(servers.NATS_CLI), "--server", server.url, "--creds", creds, *args],
                          capture_output=True, text=True, env=env, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    if status is not None:
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_push_then_come_in(world, nsc, server):
    creds = nsc.creds()
    assert "authorization violation" in nats(world, server, creds, "rtt", status=None).lower()
    nsc.push(server)
    assert any((world.directory / "jwt").glob("A*.jwt"))
    nats(world, server, creds, "pub", "a", "b")
    until(lambda: server.monitor("/connz?auth=1")["num_connections"] == 0, "nobody is in")
    server.restart()
    nats(world, server, creds, "rtt")


def test_revoked_users_go(world, nsc, server):
    creds = nsc.creds()
    nsc.push(server)
    log = world.process("sub", [str(servers.NATS_CLI), "--server", server.url, "--creds", creds, "sub", "x"],
                        {"HOME": str(world.directory)})  # fmt: skip
    log.start()
    until(lambda: server.monitor("/varz")["connections"] == 1, "the subscriber is in")
    nsc.run("revocations", "add-user", "--account", "A", "--name", "u")
    nsc.push(server)
    until(lambda: server.monitor("/varz")["connections"] == 0, "the subscriber is put out")
    assert "authorization violation" in nats(world, server, creds, "rtt", status=None).lower()
    reasons = [each["reason"] for each in server.monitor("/connz?state=closed")["connections"]]
    assert "Credentials Revoked" in reasons


def test_scoped_signing_keys(world, nsc, server):
    nsc.run("edit", "account", "--name", "A", "--sk", "generate")
    key = re.search(r"A[A-Z2-7]{55}", nsc.run("describe", "account", "A").split("Signing Keys")[1]).group()
    nsc.run("edit", "signing-key", "--account", "A", "--sk", key, "--role", "r",
            "--allow-pub", "{{name()}}.>", "--allow-sub", "_INBOX.>")  # fmt: skip
    nsc.run("add", "user", "--account", "A", "-K", "r", "joe")
    nsc.push(server)
    creds = nsc.creds("joe")
    nats(world, server, creds, "pub", "joe.x", "1")
    said = nats(world, server, creds, "sub", "other", "--wait", "1s", status=None)
    assert "permissions violation" in said.lower(), said


def test_pull_and_delete(world, nsc):
    config = nsc.config(world.directory / "jwt").replace("allow_delete: false", "allow_delete: true")
    server = world.alone(config)
    nsc.run("edit", "operator", "--account-jwt-server-url", server.url)
    nsc.run("add", "account", "B")
    nsc.push(server)
    nsc.run("pull", "--all", "--overwrite-newer")
    nsc.run("delete", "account", "--name", "B", "--force")
    nsc.push(server, "--prune")
    left = [path.name for path in (world.directory / "jwt").glob("*.jwt")]
    assert len(left) == 2, left


def bearer(world, nsc, server, account, name):
    """A client of the plainest form, by a user that need not sign."""
    nsc.run("add", "user", "--account", account, "--bearer", name)
    with open(nsc.creds(name, account)) as file:
        jwt = next(line.strip() for line in file if line.startswith("eyJ"))
    return lambda: world.client(server, extra={"jwt": jwt})


def test_private_imports(world, nsc):
    """B imports a private stream and service of A by activation tokens, and loses them with them."""
    nsc.run("add", "account", "B")
    nsc.run("add", "export", "--account", "A", "--name", "news", "--subject", "news.>", "--private")
    nsc.run("add", "export", "--account", "A", "--name", "ask", "--subject", "ask", "--service", "--private")
    key = re.search(r"A[A-Z2-7]{55}", nsc.run("describe", "account", "B")).group()
    for subject in ("news.>", "ask"):
        token = str(nsc.home / f"{subject[:3]}.jwt")
        nsc.run("generate", "activation", "--account", "A", "--subject", subject, "--target-account", key,
                "--output-file", token)  # fmt: skip
        nsc.run("add", "import", "--account", "B", "--token", token, "--local-subject", subject)
    server = world.alone(nsc.config(world.directory / "jwt"))
    come_a, come_b = bearer(world, nsc, server, "A", "a"), bearer(world, nsc, server, "B", "b")
    nsc.push(server)
    a, b = come_a(), come_b()
    a.subscribe("ask")
    b.subscribe("news.x")
    b.subscribe("inbox")
    a.flush()
    b.flush()
    a.publish("news.x", b"hello")
    assert b.next().payload == b"hello"
    b.publish("ask", b"why", "inbox")
    question = a.next()
    a.publish(question.reply, b"because")
    assert b.next().payload == b"because"
    nsc.run("revocations", "add_activation", "--account", "A", "--subject", "news.>", "--target-account", key)
    nsc.push(server)

    def ended() -> bool:
        a.publish("news.x", b"again")
        a.flush()
        return b.nothing(0.2)

    until(ended, "the import ends with its revocation")
    b.publish("ask", b"still", "inbox")
    assert a.next().payload == b"still"


def test_resolver_by_url(world, nsc):
    """Accounts come from an HTTP server, when somebody needs them."""
    import http.server
    import threading

    config = nsc.config(world.directory / "unused")
    nsc.run("export", "keys", "--accounts", "--dir", str(nsc.home / "out"), "--force")
    accounts = {}
    for name in ("A", "SYS"):
        jwt = nsc.run("describe", "account", name, "--raw")
        token = next(line.strip() for line in jwt.splitlines() if line.strip().startswith("eyJ"))
        accounts[re.search(r"A[A-Z2-7]{55}", nsc.run("describe", "account", name)).group()] = token
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            key = self.path.rsplit("/", 1)[-1]
            asked.append(self.path)
            token = accounts.get(key)
            self.send_response(200 if token or not key else 404)  # A nats-server looks whether it is there.
            self.end_headers()
            self.wfile.write((token or "").encode())

        def log_message(self, *_):
            pass

    source = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=source.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{source.server_address[1]}/jwt/v1/accounts/"
    head = re.search(r"operator: \S+", config).group()
    system = re.search(r"system_account: \S+", config).group()
    server = world.alone(f"{head}\n{system}\nresolver: URL({url})\n")
    try:
        nats(world, server, nsc.creds(), "rtt")
        assert any(path.startswith("/jwt/v1/accounts/A") for path in asked)
        nsc.run("add", "account", "B")
        nsc.run("add", "user", "--account", "B", "v")
        said = nats(world, server, nsc.creds("v", "B"), "rtt", status=None)
        assert "authorization violation" in said.lower()
    finally:
        source.shutdown()


# What a token says besides who its owner is. `by` is who signs it: the account, its signing key, one
# with a scope, or a stranger.
def grants() -> dict:
    day = {"start": "00:00:00", "end": "23:59:59"}
    now = int(time.time())
    return {
        "plain": {}, "signer": {"by": "signer"}, "stranger": {"by": "stranger"}, "bearer": {"bearer_token": True},
        "expired": {"claims": {"exp": now - 5}}, "not yet": {"claims": {"nbf": now + 600}},
        "from here": {"src": ["127.0.0.0/8"]}, "from elsewhere": {"src": ["10.0.0.0/8"]}, "from a fruit": {"src": ["banana"]},
        "a text of networks": {"src": "127.0.0.1/32,10.0.0.0/8"}, "all day": {"times": [day]},
        "one second": {"times": [{"start": "00:00:00", "end": "00:00:01"}], "times_location": "UTC"},
        "no time": {"times": [{"start": "x", "end": "y"}]}, "no place": {"times": [day], "times_location": "Nowhere/Land"},
        "websocket": {"allowed_connection_types": ["WEBSOCKET"]}, "standard": {"allowed_connection_types": ["STANDARD"]},
        "unknown type": {"allowed_connection_types": ["FOO"]}, "one known": {"allowed_connection_types": ["FOO", "STANDARD"]},
        "few": {"subs": 1, "payload": 10}, "none": {"subs": 0}, "nothing to say": {"payload": 0},
        "permissions": {"pub": {"allow": ["a.>"]}, "resp": {"max": 1, "ttl": 10**9}}, "proxy": {"proxy_required": True},
        "scoped": {"by": "scoped", "bare": True, "tags": ["site:x"]}, "scoped, without the tag": {"by": "scoped", "bare": True},
        "scoped, and its own": {"by": "scoped", "bare": True, "pub": {"allow": ["z"]}},
        "scoped, and limits": {"by": "scoped"}, "a later version": {"version": 3}, "an account's": {"type": "account"},
    }  # fmt: skip


OPERATIONS = {
    "nothing": "", "subscribe": "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n", "large": f"PUB a.b 60\r\n{'x' * 60}\r\n",
    "publish": "PUB nope.x 0\r\n\r\nPUB a.x 0\r\n\r\nPUB t.bob.q 0\r\n\r\nPUB x.x 0\r\n\r\n",
}  # fmt: skip


def test_tokens_of_every_kind(world):
    """Who comes in by which token, and what it may do then: the same as with the newest nats-server."""
    operator, keys = Operator(), {name: Key("account") for name in ("signer", "scoped", "stranger")}
    operator.account_claims = {
        "limits": {"subs": 3, "data": -1, "payload": 100, "imports": -1, "exports": -1, "conn": 10, "leaf": -1},
        "default_permissions": {"pub": {"deny": ["nope.>"]}},
        "signing_keys": [keys["signer"].public, {
            "kind": "user_scope", "key": keys["scoped"].public, "role": "r",
            "template": {"pub": {"allow": ["t.{{name()}}.>", "{{tag(site)}}.x"]}, "sub": {"allow": ["{{subject()}}.>", "a"]},
                         "subs": 2, "data": -1, "payload": 50}}],
    }  # fmt: skip
    users = {}
    for name, grant in grants().items():
        user, by = Key("user"), keys.get(grant.pop("by", ""), operator.account)
        claims = {} if grant.pop("bare", False) else {"subs": -1, "data": -1, "payload": -1}
        more = grant.pop("claims", {})
        if by is not operator.account:
            claims["issuer_account"] = operator.account.public
        users[name] = user, token(by, user.public, "bob", {"type": "user", **claims, **grant}, **more)

    def attempt(server, name: str, operations: str) -> str:
        user, jwt = users[name]
        client = None
        try:
            client = server.client(extra={"jwt": jwt}, proof=user.proof)
            client.send(operations.encode())
            if name == "none":  # nats-server lets it in for 20 ms.
                client.wait_closed()
                return f"out: {list(dict.fromkeys(client.errors))}"
            client.flush()
            return f"in: {client.errors}"
        except (OSError, EOFError) as error:
            told = re.findall(r"'([A-Z][\w ]*\w|maximum [\w ]+)'", str(error)) + (client.errors if client else [])
            return f"out: {list(dict.fromkeys(told))}"
        finally:
            if client:
                client.close()

    config, told = operator.config(), []
    for kind in (servers.server_under_test(), servers.nats_server("newest")):
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", config)
        told.append({
            (name, what): attempt(server, name, operations).replace(users[name][0].public, "ME")
            for name in users for what, operations in OPERATIONS.items()
            if name != "none" or what in ("nothing", "subscribe")
        })  # fmt: skip
    assert [(each, told[0][each], told[1][each]) for each in told[0] if told[0][each] != told[1][each]] == []


def test_hashes_of_accounts(world):
    """Functions that stand for an account, in what JWTs map, export and import: as the newest nats-server."""
    operator, exporter = Operator(), Key("account")
    operator.more[exporter] = ("E", {
        "exports": [{"type": "stream", "subject": "s.{{account-hash()}}.*"},
                    {"type": "stream", "subject": "n.{{account-hash-import()}}"},
                    {"type": "service", "subject": "v.{{account-hash()}}"}],
        "mappings": {"m.{{account-hash()}}.*": [{"subject": "s.{{Account-Hash()}}.{{wildcard(1)}}"}]},
    })  # fmt: skip
    source = {"account": exporter.public}
    operator.account_claims = {"imports": [
        {"type": "stream", "subject": "s.{{account-hash-import()}}.*", "local_subject": "t.{{account-hash()}}.$1", **source},
        {"type": "stream", "subject": "s.{{account-hash-leaf-remote()}}.x", **source},
        {"type": "service", "subject": "v.{{account-hash-import()}}", "local_subject": "w.{{account-hash()}}", **source},
    ]}  # fmt: skip
    of_e, of_a = (account_hash(key.public) for key in (exporter, operator.account))

    def login(server, account):
        user = Key("user")
        claims = {"type": "user", "subs": -1, "data": -1, "payload": -1}
        jwt = token(account, user.public, "u", claims)
        return world.keep(server.client(extra={"jwt": jwt}, proof=user.proof))

    for kind in (servers.server_under_test(), servers.nats_server("newest")):
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", operator.config())
        e, a = login(server, exporter), login(server, operator.account)
        a.subscribe("t.>"), a.flush()
        e.subscribe("v.*"), e.flush()
        e.publish(f"s.{of_e}.a", b"1")
        e.publish(f"m.{of_e}.b", b"2")
        e.publish(f"s.{of_a}.c", b"3")
        assert [a.next().subject for _ in range(2)] == [f"t.{of_a}.a", f"t.{of_a}.b"], kind
        assert a.nothing(), kind
        a.publish(f"w.{of_a}", b"?")
        assert e.next().subject == f"v.{of_e}", kind


def account_hash(name: str) -> str:
    """nats-server's getHash."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[byte % 62] for byte in hashlib.sha256(name.encode()).digest()[:8])
