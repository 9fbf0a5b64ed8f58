"""Auth callout: one service, the same answers, against the server under test and a nats-server."""

import json
import re

import pytest

from harness import servers
from harness.callout import Service, XKey, expired, response, user_token
from harness.client import Client
from harness.jwt import Key, Operator, token
from harness.wait import until
from harness.websocket import WebSocketSocket

VIOLATION = "Authorization Violation"


@pytest.fixture(params=["under_test", "newest"])
def kind(request):
    return servers.server_under_test() if request.param == "under_test" else servers.nats_server("newest")


class ConfigMode:
    """Accounts AUTH (of the service), APP and OTHER; whoever comes is asked about, but for `auth`."""

    def __init__(self, world, kind, more: str = "", server_more: str = "", xkey: XKey | None = None):
        self.issuer, self.other = Key("account"), Key("account")
        seal = f"xkey: {xkey.public}" if xkey else ""
        self.server = world.server(kind, "edge", f"""
            accounts {{
              AUTH {{ users: [{{user: auth, password: p}}] }}
              APP {{ users: [{{user: local, password: p}}] }}
              OTHER {{ users: [{{user: stranger, password: p}}] }}
              SYS {{ users: [{{user: sys, password: p}}] }}
            }}
            system_account: SYS
            {server_more}
            authorization {{
              timeout: 1
              auth_callout {{ issuer: {self.issuer.public}, auth_users: [auth], account: AUTH
                              {seal}
                              {more} }}
            }}
        """)  # fmt: skip
        self.service = None
        self.world, self.xkey = world, xkey

    def serve(self):
        client = self.world.client(self.server, user="auth", password="p")
        self.service = self.world.keep(Service(client, self.answer, self.xkey))

    def good(self, request, account="APP", **nats):
        return response(self.issuer, request, user_token(self.issuer, request, account, **nats))

    def answer(self, request):
        user = request["nats"]["connect_opts"].get("user", "")
        jwt = user_token(self.issuer, request, "APP")
        by = {
            "silent": lambda: None,
            "empty": lambda: b"",
            "garbage": lambda: "eyJ.not.token",
            "noise": lambda: b"\xff\x00" * 40,
            "error": lambda: response(self.issuer, request, error="no such person"),
            "neither": lambda: response(self.issuer, request),
            "both": lambda: response(self.issuer, request, jwt, error="x"),
            "foreign_response": lambda: response(self.other, request, jwt),
            "wrong_issuer": lambda: response(self.issuer, request, user_token(self.other, request, "APP")),
            "wrong_audience": lambda: response(self.issuer, request, jwt, aud=Server_id()),
            "no_audience": lambda: response(self.issuer, request, jwt, aud=""),
            "wrong_subject": lambda: response(self.issuer, request, jwt, sub=Key("user").public),
            "wrong_user": lambda: response(self.issuer, request, user_token(self.issuer, request, "APP",
                                                                            sub_=Key("user").public)),
            "wrong_account": lambda: self.good(request, "NOWHERE"),
            "no_account": lambda: self.good(request, None),
            "issuer_account": lambda: self.good(request, "APP", issuer_account=self.other.public),
            "expired": lambda: self.good(request, "APP", claims={"exp": expired()}),
            "expired_response": lambda: response(self.issuer, request, jwt, exp=expired()),
            "user_token_as_response": lambda: jwt,
            "other": lambda: self.good(request, "OTHER"),
            "typed": lambda: self.good(request, "APP", allowed_connection_types=["WEBSOCKET"]),
            "named": lambda: self.good(request, "APP", name="Joe"),
            "into_auth": lambda: self.good(request, "AUTH"),
            "bound": lambda: self.good(request, "APP", pub={"allow": ["a.>"]}, sub={"allow": ["b.>", "_INBOX.>"],
                                                                                    "deny": ["b.no"]}),
        }  # fmt: skip
        return by.get(user, lambda: self.good(request))()

    def login(self, user: str, **options) -> str:
        """What the server says: the account that the user is in, or the words of the refusal."""
        try:
            client = self.server.client(user=user, password="secret", **options)
        except EOFError as ended:
            return re.search(r"errors: \['(.*)'\]", str(ended)).group(1)
        with client:
            connections = self.server.monitor("/connz?auth=1&state=open")["connections"]
            cid = client.info["client_id"]
            return next(f"{c['account']} {c.get('authorized_user', '')}".strip()
                        for c in connections if c["cid"] == cid)  # fmt: skip


def Server_id() -> str:
    """The id of some other server."""
    import base64

    import nkeys

    raw = bytes([13 << 3]) + bytes(range(32))
    return base64.b32encode(raw + nkeys.crc16(bytearray(raw)).to_bytes(2, "little")).rstrip(b"=").decode()


# What comes of each, on either server. First the account and the user as /connz shows them.
OUTCOMES = {
    "joe": "APP joe",
    "other": "OTHER other",
    "named": "APP Joe",
    "into_auth": "AUTH into_auth",
    "foreign_response": VIOLATION,
    "typed": VIOLATION,
    "silent": VIOLATION,
    "empty": VIOLATION,
    "garbage": VIOLATION,
    "noise": VIOLATION,
    "error": VIOLATION,
    "neither": VIOLATION,
    "both": VIOLATION,
    "wrong_issuer": VIOLATION,
    "wrong_audience": VIOLATION,
    "no_audience": VIOLATION,
    "wrong_subject": VIOLATION,
    "wrong_user": VIOLATION,
    "wrong_account": VIOLATION,
    "no_account": VIOLATION,
    "issuer_account": VIOLATION,
    "expired": VIOLATION,
    "expired_response": VIOLATION,
    "user_token_as_response": VIOLATION,
}  # fmt: skip


@pytest.mark.parametrize("sealed", [False, True], ids=["clear", "xkey"])
def test_outcomes(world, kind, sealed):
    mode = ConfigMode(world, kind, xkey=XKey() if sealed else None)
    mode.serve()
    got = {user: mode.login(user) for user in OUTCOMES}
    # Who could seal an answer needs no other proof.
    assert got == ({**OUTCOMES, "foreign_response": "APP foreign_response"} if sealed else OUTCOMES)
    assert len(mode.service.requests) == len(OUTCOMES)
    assert mode.login("clear") == "APP clear"  # What comes back need not be sealed.
    keys = {headers.get("Nats-Server-Xkey") for headers in mode.service.headers}
    assert keys == ({mode.server.client(user="joe", password="p").info["xkey"]} if sealed else {None})


def test_request(world, kind):
    mode = ConfigMode(world, kind)
    mode.serve()
    mode.login("joe", name="box", extra={"lang": "x", "version": "9"})
    request = mode.service.requests[0]
    nats = request["nats"]
    server = nats["server_id"]
    assert request["aud"] == "nats-authorization-request"
    assert request["sub"] == mode.issuer.public
    assert request["iss"] == server["id"] == mode.server.monitor("/varz")["server_id"]
    assert 0 <= request["exp"] - request["iat"] <= 2
    assert server["name"] == "edge" and "xkey" not in server
    assert nats["type"] == "authorization_request" and nats["version"] == 2
    info, options = nats["client_info"], nats["connect_opts"]
    assert {key: info[key] for key in ("host", "user", "name", "kind", "type")} == {
        "host": "127.0.0.1", "user": "joe", "name": "box", "kind": "Client", "type": "nats"}  # fmt: skip
    assert options == {"user": "joe", "pass": "secret", "name": "box", "lang": "x", "version": "9", "protocol": 1}
    assert "client_tls" not in nats


def test_who_is_asked_about(world, kind):
    """Users of allowed_accounts, and those that nobody knows; not the service's own, not others'."""
    mode = ConfigMode(world, kind, "allowed_accounts: [APP]")
    mode.serve()

    def come(**options):
        before = len(mode.service.requests)
        try:
            mode.server.client(**options).close()
            said = "in"
        except EOFError:
            said = "out"
        return said, len(mode.service.requests) - before

    assert come(user="local", password="p") == ("in", 1)
    assert come(user="local", password="wrong") == ("in", 1)
    assert come(user="stranger", password="p") == ("in", 0)
    assert come(user="stranger", password="wrong") == ("in", 1)
    assert come(user="auth", password="p") == ("in", 0)
    assert come(user="auth", password="wrong") == ("out", 0)
    assert come(token="t") == ("in", 1)
    assert come() == ("in", 1)


def test_permissions(world, kind):
    mode = ConfigMode(world, kind)
    mode.serve()
    bound = world.client(mode.server, user="bound", password="p")
    bound.publish("c", b"")
    bound.subscribe("c")
    bound.publish("a.x", b"")
    bound.flush()
    assert bound.errors == ['Permissions Violation for Publish to "c"', 'Permissions Violation for Subscription to "c"']
    free = world.client(mode.server, user="joe", password="p")
    bound.subscribe("b.*")
    bound.flush()
    free.publish("b.no", b"1")
    free.publish("b.yes", b"2")
    assert bound.next().subject == "b.yes"


def test_nobody_in_the_service_account_may_ask(world, kind):
    mode = ConfigMode(world, kind)
    mode.serve()
    for user in ("auth", "into_auth"):
        client = world.client(mode.server, user=user, password="p")
        client.publish("$SYS.REQ.USER.AUTH", b"x")
        client.flush()
        assert client.errors == ['Permissions Violation for Publish to "$SYS.REQ.USER.AUTH"']


def test_whom_it_lets_into_its_account_sees_no_questions(world, kind):
    """Nor answers them; the service's own user does."""
    mode = ConfigMode(world, kind)
    mode.serve()
    inside = world.client(mode.server, user="into_auth", password="p")
    own = world.client(mode.server, user="auth", password="p")
    for subject in ("$SYS.REQ.USER.AUTH", "$SYS._INBOX.x.y"):
        inside.errors.clear()
        inside.subscribe(subject), inside.publish(subject, b"x")
        inside.flush()
        assert inside.errors == [f'Permissions Violation for Subscription to "{subject}"',
                                 f'Permissions Violation for Publish to "{subject}"']  # fmt: skip
    own.publish("$SYS._INBOX.x.y", b"x")
    for client in (inside, own):
        client.subscribe("$SYS.REQ.USER.*"), client.subscribe(">")
        client.flush()
    assert mode.login("joe") == "APP joe"
    assert inside.nothing()
    assert own.next().subject == "$SYS.REQ.USER.AUTH"
    assert not own.errors


def test_limits_tags_and_name(world, kind):
    mode = ConfigMode(world, kind)
    grants = {"few": {"subs": 1}, "small": {"payload": 4}, "none": {"payload": 0}, "shut": {"subs": 0},
              "tagged": {"tags": ["role:x", "y"], "name": "Joe"}}  # fmt: skip
    mode.answer = lambda request: mode.good(request, "APP", **grants[request["nats"]["connect_opts"]["user"]])
    mode.serve()
    few = world.client(mode.server, user="few", password="p")
    few.subscribe("a"), few.subscribe("b")
    few.flush()
    assert few.errors == ["maximum subscriptions exceeded"]
    for user in ("small", "none"):
        client = world.client(mode.server, user=user, password="p")
        client.publish("a", b"12345")
        client.wait_closed()
        assert client.errors == ["Maximum Payload Violation"]
    try:
        shut = world.client(mode.server, user="shut", password="p")
        shut.wait_closed()
        said = shut.errors
    except EOFError as ended:
        said = str(ended)
    assert "maximum subscriptions exceeded" in said
    tagged = world.client(mode.server, user="tagged", password="p")
    shown = mode.server.monitor("/connz?auth=1&state=open")["connections"]
    mine = next(c for c in shown if c["cid"] == tagged.info["client_id"])
    assert (mine["tags"], mine["authorized_user"], mine.get("jwt")) == (["role:x", "y"], "Joe", None)
    tagged.subscribe("in")
    tagged.publish("$SYS.REQ.USER.INFO", b"", "in")
    assert json.loads(tagged.next().payload)["data"]["user_name"] == "Joe"


LOCAL = "{user: local, password: p}"
RELOADS = {
    "a line of its own": ("", "logtime: false", True),
    "permissions": (LOCAL, "{user: local, password: p, permissions: {publish: [foo]}}", True),
    "another account": ("OTHER {", "MORE {}\n OTHER {", True),
    "tags": ("", "server_tags: [a]", False),
    "a password": (LOCAL, "{user: local, password: q}", False),
    "a user more": (LOCAL, LOCAL + ", {user: new, password: p}", False),
    "a user less": ("{user: stranger, password: p}", "", False),
    "connection types": (LOCAL, "{user: local, password: p, allowed_connection_types: [STANDARD]}", False),
}


@pytest.mark.parametrize("change", RELOADS)
def test_reloads(world, kind, change):
    """Nobody is asked about anew, and who came in stays, unless the service might judge otherwise."""
    mode = ConfigMode(world, kind)
    mode.serve()
    clients = [world.client(mode.server, user=user, password="p") for user in ("joe", "local", "into_auth")]
    before, after, stays = RELOADS[change]
    text = mode.server.config.read_text()
    assert before in text
    mode.server.config.write_text(text.replace(before, after, 1) if before else text + after + "\n")
    mode.server.reload()
    for client in clients:
        client.flush() if stays else client.wait_closed()
        assert not client.errors
    assert len(mode.service.requests) == len(clients)
    assert mode.login("jane") == "APP jane"


def test_a_lower_limit_of_connections(world, kind):
    mode = ConfigMode(world, kind)
    mode.serve()
    clients = [world.client(mode.server, user="joe", password="p") for _ in range(3)]
    text = mode.server.config.read_text()
    mode.server.config.write_text(text.replace("APP {", "APP {\n limits: {max_connections: 2}\n"))
    mode.server.reload()

    def lost() -> list[str]:
        gone = []
        for client in clients:
            try:
                client.flush()
            except (EOFError, OSError):
                gone += client.errors
        return gone

    until(lost, "one is closed")
    assert lost() == ["maximum account active connections exceeded"]


def test_expiry_ends_the_connection(world, kind):
    mode = ConfigMode(world, kind)
    mode.answer = lambda request: mode.good(request, "APP", claims={"exp": expired() + 12})
    mode.serve()
    client = world.client(mode.server, user="joe", password="p")
    client.wait_closed()
    assert client.errors == ["User Authentication Expired"]


def test_websocket_clients(world, kind):
    """They are asked about too, and the service is told how they come."""
    mode = ConfigMode(world, kind, server_more="websocket { listen: 127.0.0.1:{websocket}, no_tls: true }")
    mode.serve()

    def come(user: str) -> str:
        port = mode.server.ports["websocket"]
        try:
            client = Client("127.0.0.1", port, sock=WebSocketSocket("127.0.0.1", port), user=user, password="p")
        except EOFError as ended:
            return re.search(r"errors: \['(.*)'\]", str(ended)).group(1)
        with client:
            shown = mode.server.monitor("/connz?auth=1&state=open")["connections"]
            mine = next(c for c in shown if c["cid"] == client.info["client_id"])
            client.subscribe("a.b"), client.publish("a.b", b"1")
            assert client.next().payload == b"1"
            return f"{mine['type']} {mine['account']}"

    assert come("joe") == "websocket APP"
    asked = mode.service.requests[-1]["nats"]
    assert asked["client_info"]["kind"] == "Client" and asked["client_info"]["type"] == "websocket"
    assert asked["connect_opts"]["user"] == "joe"
    assert come("other") == "websocket OTHER"
    assert come("typed") == "websocket APP"  # Who may come by no other way.
    assert mode.login("typed") == VIOLATION
    assert come("error") == VIOLATION
    assert come("silent") == VIOLATION


def test_events_say_why(world, kind):
    mode = ConfigMode(world, kind)
    mode.serve()
    mode.login("error")
    until(lambda: "no such person" in mode.server.output(), "the log tells of the reason")
    said = re.findall(r"\[WRN\] (.*)", mode.server.output())
    assert any(line.endswith("Auth callout service returned an error: no such person") for line in said)


def test_others_are_served_meanwhile(world, kind):
    """A service that is silent holds up nobody but who waits for it."""
    mode = ConfigMode(world, kind)
    mode.serve()
    first, second = (world.client(mode.server, user=user, password="p") for user in ("joe", "jane"))
    import threading

    waiting = [threading.Thread(target=mode.login, args=("silent",)) for _ in range(20)]
    for each in waiting:
        each.start()
    until(lambda: len(mode.service.requests) >= 22, "all are asked about")
    second.subscribe("a")
    second.flush(0.5)
    first.publish("a", b"1")
    assert second.next(0.5).payload == b"1"
    for each in waiting:
        each.join()


def test_no_service(world, kind):
    """Without one whoever is not exempt is refused when the time is over."""
    mode = ConfigMode(world, kind)
    assert mode.login("joe") == VIOLATION


def test_over_tls(world, kind):
    from harness.certificates import Authority

    authority = Authority(world.directory)
    certificate, key = authority.issue("localhost")
    client_certificate, client_key = authority.issue("box", "DNS:box.example")
    mode = ConfigMode(world, kind, server_more=f"""
        tls {{ cert_file: '{certificate}', key_file: '{key}', ca_file: '{authority.cert}', verify: true }}
    """)  # fmt: skip
    context = authority.context()
    context.load_cert_chain(client_certificate, client_key)
    client = world.client(mode.server, user="auth", password="p", tls=context)
    mode.service = world.keep(Service(client, mode.answer))
    world.client(mode.server, user="joe", password="p", tls=context)
    tls = mode.service.requests[0]["nats"]["client_tls"]
    assert tls["version"] == "1.3" and tls["cipher"].startswith("TLS_")
    import ssl

    shown = tls["verified_chains"][0][0]
    with open(client_certificate) as file:
        assert ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(file.read())


def test_leafs(world, kind):
    """A leaf is asked about too, and placed."""
    mode = ConfigMode(world, kind, server_more="leafnodes { listen: 127.0.0.1:{leaf} }")
    mode.serve()
    url = f"nats-leaf://joe:p@127.0.0.1:{mode.server.ports['leaf']}"
    world.server(servers.nats_server("newest"), "below", f"leafnodes {{ remotes: [{{ url: '{url}' }}] }}")
    mode.server.wait_leafs(1)
    assert mode.server.monitor("/leafz")["leafs"][0]["account"] == "APP"
    asked = next(r for r in mode.service.requests if r["nats"]["client_info"]["kind"] == "Leafnode")
    assert asked["nats"]["connect_opts"]["user"] == "joe"


class OperatorMode:
    """Accounts A (whose service decides), B (which allows it), C (which does not)."""

    def __init__(self, world, kind, xkey: XKey | None = None):
        self.operator = Operator()
        self.b, self.c, self.signer = Key("account"), Key("account"), Key("account")
        self.auth, self.sentinel = Key("user"), Key("user")
        callout = {"auth_users": [self.auth.public], "allowed_accounts": [self.b.public]}
        if xkey:
            callout["xkey"] = xkey.public
        self.operator.account_claims = {"authorization": callout, "signing_keys": [self.signer.public]}
        self.operator.more = {self.b: ("B", {}), self.c: ("C", {})}
        self.server = world.server(kind, "edge", self.operator.config() + "\nauthorization { timeout: 1 }\n")
        self.xkey = xkey
        client = world.client(self.server, extra=self._proof(self.auth))
        self.service = world.keep(Service(client, self.answer, xkey))

    def _proof(self, user: Key) -> dict:
        return {"jwt": token(self.operator.account, user.public, "auth", {"type": "user", "subs": -1, "data": -1,
                                                                          "payload": -1, "bearer_token": True})}  # fmt: skip

    def answer(self, request):
        user = request["nats"]["connect_opts"].get("user", "")
        a = self.operator.account

        def grant(key, **nats):
            return user_token(key, request, None, **nats)

        by = {
            "b": lambda: response(a, request, grant(self.b)),
            "c": lambda: response(a, request, grant(self.c)),
            "signer": lambda: response(self.signer, request, grant(self.signer, issuer_account=a.public),
                                       nats={"issuer_account": a.public}),
            "foreign": lambda: response(self.c, request, grant(a)),
            "unknown_signer": lambda: response(a, request, grant(Key("account"), issuer_account=a.public)),
            "error": lambda: response(a, request, error="no"),
            "silent": lambda: None,
        }  # fmt: skip
        return by.get(user, lambda: response(a, request, grant(a)))()

    def login(self, user: str, jwt: str | None = None) -> str:
        sentinel = jwt or token(self.operator.account, self.sentinel.public, "s",
                                {"type": "user", "bearer_token": True, "pub": {"deny": [">"]}, "sub": {"deny": [">"]},
                                 "subs": -1, "data": -1, "payload": -1})  # fmt: skip
        try:
            client = self.server.client(user=user, password="p", extra={"jwt": sentinel})
        except EOFError as ended:
            return re.search(r"errors: \['(.*)'\]", str(ended)).group(1)
        names = {self.operator.account.public: "A", self.b.public: "B", self.c.public: "C"}
        with client:
            connections = self.server.monitor("/connz?auth=1&state=open")["connections"]
            return next(names[c["account"]] for c in connections if c["cid"] == client.info["client_id"])


@pytest.mark.parametrize("sealed", [False, True], ids=["clear", "xkey"])
def test_operator_mode(world, kind, sealed):
    mode = OperatorMode(world, kind, XKey() if sealed else None)
    foreign = "A" if sealed else VIOLATION  # Who could seal it is believed.
    wanted = {"joe": "A", "b": "B", "c": VIOLATION, "signer": "A", "foreign": foreign,
              "unknown_signer": VIOLATION, "error": VIOLATION, "silent": VIOLATION}  # fmt: skip
    assert {user: mode.login(user) for user in wanted} == wanted
    assert mode.service.requests[0]["sub"] == mode.operator.account.public
    assert mode.login("joe", "not a token") == VIOLATION
