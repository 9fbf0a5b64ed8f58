"""The HTTP endpoints: nats-server's own in its JSON, and ours."""

import json
import time
import urllib.error
import urllib.request

import pytest

from harness import servers
from harness.wait import until
from harness.world import remote


def test_varz(world):
    edge = world.alone("max_payload: 64KB")
    client = world.client(edge)
    client.subscribe("a")
    client.publish("a", b"hello")
    client.next()
    seen = edge.monitor("/varz")
    assert seen["server_name"] == "edge" and seen["port"] == edge.port
    assert seen["max_payload"] == 65536
    assert seen["connections"] == 1 and seen["total_connections"] >= 1
    assert (seen["in_msgs"], seen["out_msgs"]) == (1, 1)
    assert (seen["in_bytes"], seen["out_bytes"]) == (5, 5)
    for key in ("server_id", "version", "start", "now", "uptime", "mem", "cpu", "slow_consumers",
                "subscriptions", "leafnodes", "http_req_stats", "config_load_time"):  # fmt: skip
        assert key in seen, key


def test_connz(world):
    edge = world.alone()
    client = world.client(edge, name="first")
    client.subscribe("a.b")
    client.publish("x", b"12345")
    client.flush()
    world.client(edge, name="second")
    seen = edge.monitor("/connz?subs=1&sort=cid")
    assert seen["num_connections"] == 2 and seen["total"] == 2
    first = seen["connections"][0]
    assert first["name"] == "first" and first["subscriptions_list"] == ["a.b"]
    assert (first["in_msgs"], first["in_bytes"], first["lang"]) == (1, 5, "python-raw")
    assert edge.monitor("/connz?limit=1&offset=1&sort=cid")["connections"][0]["name"] == "second"
    client.close()

    def closed() -> dict | None:
        listed = edge.monitor("/connz?state=closed")["connections"]
        return next((c for c in listed if c.get("name") == "first"), None)

    assert until(closed, "it is listed as closed")["reason"] == "Client Closed"


def test_leafz(world):
    hub = world.hub()
    edge = world.leaf(remote(hub))
    hub.wait_leafs()
    until(lambda: len(edge.leafs()) == 1, "the link is listed")
    leaf = edge.monitor("/leafz")["leafs"][0]
    assert leaf["account"] == "$G" and leaf["is_spoke"] is True
    for key in ("id", "name", "ip", "port", "rtt", "in_msgs", "out_msgs", "in_bytes", "out_bytes",
                "subscriptions"):  # fmt: skip
        assert key in leaf, key


@pytest.mark.parametrize("query", ["", "?js-enabled-only=true", "?js-server-only=true"])
def test_healthz(world, query):
    if query:  # A nats-server without JetStream answers these with an error where it has none.
        edge = world.alone("jetstream { store_dir: '{dir}/js' }") if not _petiole() else world.alone()
    else:
        edge = world.alone()
    assert edge.monitor(f"/healthz{query}") == {"status": "ok"}


def _petiole() -> bool:
    return servers.server_under_test().is_petiole


def test_wrong_query_is_refused(world):
    edge = world.alone()
    with pytest.raises(urllib.error.HTTPError) as caught:
        edge.monitor("/connz?limit=many")
    assert caught.value.code == 400


@pytest.mark.petiole
def test_healthz_turns_red_after_the_grace(world):
    hub = world.hub()
    edge = world.leaf(remote(hub), link="link_down_grace: 1s")
    hub.wait_leafs()
    assert edge.monitor("/healthz") == {"status": "ok"}
    hub.kill()

    def red() -> bool:
        try:
            edge.monitor("/healthz")
        except urllib.error.HTTPError as error:
            return error.code == 503
        return False

    until(red, "health turns red", 40)
    hub.start()
    hub.wait_leafs(1, 40)
    until(lambda: edge.monitor("/healthz") == {"status": "ok"}, "health is back", 10)


@pytest.mark.petiole
def test_linkz_shows_links_that_are_down(world):
    hub = world.hub()
    down = world.hub(name="down")
    down.kill()
    edge = world.leaf(f"{{ {remote(hub)} }}, {{ {remote(down)} }}")
    hub.wait_leafs()
    until(lambda: {link["state"] for link in edge.monitor("/linkz")["links"]} & {"up"}, "one is up")
    good, bad = sorted(edge.monitor("/linkz")["links"], key=lambda link: link["state"] != "up")
    assert good["hub"]["server_name"] == "hub" and good["in_bytes"]["total"] > 0
    assert bad["state"] != "up" and bad["attempt"] >= 1
    until(
        lambda: any("refused" in link.get("last_error", "") for link in edge.monitor("/linkz")["links"]),
        "the error is told",
    )


@pytest.mark.petiole
def test_mirrorz(world):
    store = "store_and_forward { dir: '{dir}/mirror', rules: [ { subjects: ['t.>'], durability: disk } ] }"
    edge = world.alone(store)
    client = world.client(edge)
    for i in range(10):
        client.publish(f"t.{i}", bytes(100))
    client.flush()
    seen = until(lambda: (m := edge.monitor("/mirrorz"))["messages"] == 10 and m, "ten are kept")
    (rule,) = seen["rules"]
    assert rule["subjects"] == ["t.>"] and rule["durability"] == "disk" and rule["captured"] == 10
    assert rule["bytes"] >= 1000 and "oldest" in rule
    assert set(seen["losses"]) >= {"age", "limit", "refused", "rejected", "corrupt"}
    assert seen["storage"]["bytes_written"] > 0 and seen["storage"]["file_bytes"] > 0


@pytest.mark.petiole
def test_metrics(world):
    edge = world.alone()
    world.client(edge)
    with urllib.request.urlopen(f"http://127.0.0.1:{edge.monitor_port}/metrics", timeout=5) as got:
        assert got.headers["Content-Type"].startswith("text/plain")
        text = got.read().decode()
    names = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            float(value)
            names.add(name.split("{")[0])
    assert len(names) > 10 and all(name.startswith("petiole_") for name in names), names


def test_monitoring_survives_garbage(world):
    import socket

    edge = world.alone()
    for sent in (b"GARBAGE\r\n\r\n", b"GET /varz HTTP/9.9\r\n\r\n", b"\0" * 1000, b"GET " + b"a" * 100_000):
        with socket.create_connection((edge.host, edge.monitor_port), 5) as sock:
            try:
                sock.sendall(sent)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1000)
            except OSError:
                pass
    assert edge.monitor("/varz")["server_name"] == "edge"


QUERIES = [
    "/varz", "/connz", "/connz?subs=1", "/connz?subs=detail", "/connz?auth=1&subs=true", "/connz?state=closed&auth=true",
    "/connz?state=ANY", "/connz?state=all&sort=msgs_from", "/connz?sort=subs&limit=1", "/connz?offset=1&limit=5",
    "/connz?sort=nonsense", "/connz?sort=stop", "/connz?sort=reason&state=closed", "/connz?state=nonsense",
    "/connz?limit=x", "/connz?offset=x", "/connz?auth=x", "/connz?subs=x", "/connz?cid=x", "/connz?user=app&auth=1",
    "/connz?user=nobody", "/connz?acc=$G", "/connz?acc=unknown", "/connz?mqtt_client=x", "/connz?cid=999999",
    *(f"/connz?sort={by}" for by in ("cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to",
                                     "bytes_from", "last", "idle", "uptime", "rtt")),
    "/leafz", "/leafz?subs=1", "/leafz?acc=unknown", "/leafz?subs=x", "/routez", "/routez?subs=detail", "/routez?subs=x",
    "/gatewayz", "/gatewayz?accs=1", "/gatewayz?accs=x", "/subsz", "/subsz?subs=1&acc=$G&test=x.y", "/subsz?test=x.*",
    "/subsz?limit=x", "/subsz?subs=1&limit=1&acc=unknown", "/subscriptionsz", "/accountz", "/accountz?acc=$G",
    "/accountz?acc=unknown", "/accstatz", "/accstatz?unused=1", "/accstatz?unused=x", "/healthz", "/healthz?details=1",
    "/healthz?js-enabled-only=1", "/healthz?js-server-only=1", "/healthz?js-meta-only=1", "/healthz?js-enabled=x",
    "/healthz?stream=s", "/healthz?consumer=c&details=true", "/healthz?account=A", "/healthz?leaf-remotes-connected=x",
    "/healthz?leaf-remotes-connected=1", "/connz?acc=$G&user=app", "/connz?state=any&user=app", "/jsz", "/jsz?streams=1", "/jsz?streams=x",
    "/jsz?limit=x", "/nonsense", "/varz/",
]  # fmt: skip


def _get(server, path: str) -> tuple[int, str, str, str]:
    try:
        with urllib.request.urlopen(f"http://{server.host}:{server.monitor_port}{path}", timeout=5) as got:
            status, headers, text = got.status, got.headers, got.read().decode()
    except urllib.error.HTTPError as error:
        status, headers, text = error.code, error.headers, error.read().decode()
    everybody = headers["Access-Control-Allow-Origin"] or "" if status == 200 else ""
    return status, headers["Content-Type"].split(";")[0], everybody, text


def test_every_endpoint_answers_as_nats_server_does(world):
    """The same traffic at both, then every endpoint with every parameter: status, type, the text of
    an error; the keys, and the values that are not of the moment."""
    from harness import system
    from harness.differences import differences

    kinds = (servers.server_under_test(), servers.nats_server("newest"))
    both = [world.server(kind, "edge", system.config(kind, 'server_tags: ["a", "b"]')) for kind in kinds]
    for server in both:
        client = world.keep(system.app(server, name="first"))
        client.subscribe("x.y")
        client.subscribe("x.q", "queue")
        client.publish("x.y", b"12345")
        client.next()
        world.keep(system.app(server, "other", name="second")).flush()
        gone = system.app(server, name="gone")
        gone.subscribe("left")
        gone.flush()
        gone.close()
        until(lambda s=server: s.monitor("/connz?state=closed")["connections"], "one has gone")
    missing = r"(disk_io_wait_stats|feature_flags)\..*"
    unequal = (r"account_detail\.(imports|exports)\[\].*|accounts\[\]|write_deadline|system_account"
               r"|subscriptions_list\[\]\..*|.*subscriptions_list(_detail)?\[\].*|http_req_stats\..*")  # fmt: skip
    compare(both, missing, unequal)


def test_pages_of_subscriptions_fit_together(world):
    def pages(kind) -> list[list[str]]:
        server = world.server(kind, "edge")
        for name in "ab":
            client = world.client(server)
            for number in range(12):
                client.subscribe(f"{name}.{number % 5}", "q" if number % 3 else "")
            client.flush()
        told = []
        for offset in range(0, 30, 7):
            body = server.monitor(f"/subsz?subs=1&acc=$G&limit=7&offset={offset}")
            told.append([f"{each['subject']} {each['sid']}" for each in body.get("subscriptions_list", [])])
        return told

    assert pages(servers.server_under_test()) == pages(servers.nats_server("newest"))


def test_healthz_names_remotes_that_are_down(world):
    from harness.ports import free_port

    urls = [f"nats-leaf://127.0.0.1:{free_port()}", "nats-leaf://127.0.0.1:1"]
    config = f"leafnodes {{ remotes: [ {{ urls: {json.dumps(urls)} }} ] }}"
    kinds = (servers.server_under_test(), servers.nats_server("newest"))
    ours, theirs = (world.server(kind, "edge", config) for kind in kinds)
    for query in ("", "?leaf-remotes-connected=0", "?leaf-remotes-connected=1", "?leaf-remotes-connected=1&details=1"):
        assert _get(ours, f"/healthz{query}") == _get(theirs, f"/healthz{query}"), query


def test_connz_tells_of_tokens(world):
    """Who let a client in, its token and tags: of open connections and of closed ones."""
    from harness.jwt import Key, Operator, token

    operator, signer, nkey = Operator(), Key("account"), Key("user")
    operator.account_claims = {"signing_keys": [signer.public]}
    plain = f"accounts {{ K {{ users: [{{nkey: {nkey.public}}}, {{user: u, password: p}}] }} }}"
    free = {"type": "user", "subs": -1, "data": -1, "payload": -1}
    by_account, by_signer, bearer = (Key("user") for _ in range(3))
    tokens = {
        by_account: token(operator.account, by_account.public, "a", {**free, "tags": ["x:y", "z"]}),
        by_signer: token(signer, by_signer.public, "s", {**free, "issuer_account": operator.account.public}),
        bearer: token(operator.account, bearer.public, "b", {**free, "bearer_token": True}),
    }

    def shown(kind, mark) -> list[dict]:
        told = []
        for config in (operator.config(), plain):
            server = world.server(kind, f"{mark}{len(told)}", config)
            if config is plain:
                come = [{"extra": {"nkey": nkey.public}, "proof": nkey.proof}, {"user": "u", "password": "p"}]
            else:
                come = [{"extra": {"jwt": jwt}, "proof": user.proof} for user, jwt in tokens.items()]
            clients = [world.client(server, **options) for options in come]
            cids = [client.info["client_id"] for client in clients]
            for state in ("open", "closed"):
                if state == "closed":
                    for client in clients:
                        client.close()
                    until(lambda s=server: not s.monitor("/connz")["connections"], "all have gone")
                by_cid = {c["cid"]: c for c in server.monitor(f"/connz?auth=1&state={state}")["connections"]}
                fields = ("authorized_user", "account", "jwt", "issuer_key", "name_tag", "tags")
                told += [{name: by_cid[cid].get(name) for name in fields} for cid in cids]
        return told

    mine, theirs = shown(servers.server_under_test(), "mine"), shown(servers.nats_server("newest"), "theirs")
    if servers.server_under_test().is_petiole:  # It keeps no tokens of who has gone.
        for each in theirs[len(tokens) : 2 * len(tokens)]:
            each["jwt"] = None
    assert mine == theirs


SHARED = """
accounts {
  C { users: [{user: c, password: c}], exports: [
    {stream: "st.>"}, {stream: "pv.*", accounts: [D]}, {service: "sv.*", accounts: [D], response_type: stream},
    {service: "slow", response_type: chunked},
    {service: "lat", latency: {sampling: 50, subject: lat.c}}, {service: "head", latency: {sampling: headers, subject: lat.h}}] }
  D { users: [{user: d, password: d}], imports: [
    {stream: {account: C, subject: "st.>"}, prefix: in}, {stream: {account: C, subject: "pv.*"}, to: "p.$1.x"},
    {service: {account: C, subject: "sv.*"}, to: "ask.*"}, {service: {account: C, subject: lat}, share: true}] }
}
"""


def test_accountz_tells_what_is_shared(world):
    def shown(kind) -> list:
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", SHARED)
        told = []
        for account in ("C", "D"):
            detail = server.monitor(f"/accountz?acc={account}")["account_detail"]
            lists = [detail.get(what, []) for what in ("exports", "imports")]
            told += [sorted((json.dumps(each, sort_keys=True) for each in one)) for one in lists]
        return told

    assert shown(servers.server_under_test()) == shown(servers.nats_server("newest"))


def test_accounts_count_what_their_connections_send_and_get(world):
    """A request that goes on to another account, and its answer, count where they were sent and where
    they were got."""
    def shown(kind) -> dict:
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", SHARED)
        c, d = (world.client(server, user=name, password=name) for name in "cd")
        c.subscribe("sv.*")
        c.flush()
        inbox = d.subscribe("inbox")
        d.publish("ask.1", b"12345", "inbox")
        request = c.next()
        c.publish(request.reply, b"123")
        d.next(5, inbox)
        c.publish("st.1", b"1")
        c.flush()
        stats = {each["acc"]: each for each in server.monitor("/accstatz?unused=1")["account_statz"]}
        stats["C"]["sent"]["bytes"] -= len(request.header)  # It has a round trip, of so many digits.
        return {name: [stats[name][way] for way in ("sent", "received")] for name in "CD"}

    assert shown(servers.server_under_test()) == shown(servers.nats_server("newest"))


def test_what_an_account_asks_of_its_server_counts_where_it_was_sent_and_got(world):
    """The answer comes from no connection of its own: the account has not received it."""
    from harness.system import ask

    def shown(kind) -> list:
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", SHARED)
        client = world.client(server, user="c", password="c")
        for _ in range(3):
            ask(client, "$SYS.REQ.USER.INFO")
        stats = {each["acc"]: each for each in server.monitor("/accstatz?unused=1")["account_statz"]}
        return [stats["C"]["sent"]["msgs"], stats["C"]["received"]["msgs"], stats["C"]["received"]["bytes"]]

    assert shown(servers.server_under_test()) == shown(servers.nats_server("newest"))


def test_what_is_told_of_accounts_with_tokens(world):
    """accountz, and what a user may ask of itself."""
    from harness.jwt import Key, Operator, token
    from harness.system import ask

    operator, user, other = Operator(), Key("user"), Key("user")
    operator.account_claims = {"tags": ["site:x"], "revocations": {other.public: 1700000000}}
    grant = {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {"allow": ["a.>", "$SYS.>"]}}
    jwt = token(operator.account, user.public, "u", grant, exp=int(time.time()) + 3600)
    config = operator.config()

    def shown(kind) -> list:
        server = world.server(kind, "ours" if kind.is_petiole else "theirs", config)
        client = world.client(server, extra={"jwt": jwt}, proof=user.proof)
        client.flush()
        info = ask(client, "$SYS.REQ.USER.INFO")["data"]
        assert 3500e9 < info.pop("expires") <= 3600e9
        info["permissions"]["publish"]["allow"].sort()  # nats-server tells them in any order.
        detail = server.monitor(f"/accountz?acc={operator.account.public}")["account_detail"]
        fields = ("jwt", "issuer_key", "name_tag", "tags", "expired")
        claims = {name: detail["decoded_jwt"].get(name) for name in ("sub", "iss", "name", "iat")}
        names = [(each["acc"], each["name"]) for each in server.monitor("/accstatz")["account_statz"]]
        subs = [each["account_tag"] for each in server.monitor(f"/subsz?subs=1&acc={operator.account.public}")["subscriptions_list"]]
        revoked = detail.pop("revoked_user")
        assert set(revoked) == {other.public} and revoked[other.public].startswith("2023-11-1")
        return [info, [detail.get(name) for name in fields], claims, sorted(names), set(subs)]

    assert shown(servers.server_under_test()) == shown(servers.nats_server("newest"))


def compare(both, missing: str, unequal: str, without: tuple = ()) -> None:
    """Asks both everything but `without`, and fails with a line for each difference."""
    from harness.differences import differences

    wrong = {}
    for path in (path for path in QUERIES if path not in without):
        ours, theirs = (_get(server, path) for server in both)
        found = [f"{a} instead of {b}" for a, b in zip(ours[:3], theirs[:3], strict=True) if a != b]
        if ours[3].startswith("{") and theirs[3].startswith("{"):
            found += differences(
                json.loads(ours[3]), own_certificates(json.loads(theirs[3])), missing,
                r"petiole_version|clock\..*|http_req_stats\..*|account_detail\.exports.*", unequal,
            )  # fmt: skip
            found += different_types(json.loads(ours[3]), json.loads(theirs[3]))
        elif ours[3] != theirs[3]:
            found.append(f"{ours[3]!r} instead of {theirs[3]!r}")
        if found:
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}: {found}" for path, found in wrong.items())


def own_certificates(answer: dict) -> dict:
    """Of what a client sent, petiole tells its own certificate, nats-server those of its issuers too."""
    listed = answer.get("connections")
    for connection in listed if isinstance(listed, list) else []:
        if "tls_peer_certs" in connection:
            connection["tls_peer_certs"] = connection["tls_peer_certs"][:1]
    return answer


def different_types(ours, theirs) -> list[str]:
    from harness.differences import flat

    def kinds(value) -> dict:
        return {key: {type(each) for each in values} - {type(None)} for key, values in flat(value).items()}

    a, b = kinds(ours), kinds(theirs)
    numbers = {int, float}
    return [f"{key} is of type {a[key]} instead of {b[key]}" for key in sorted(a.keys() & b.keys())
            if a[key] and b[key] and not (a[key] & b[key]) and not (a[key] | b[key]) <= numbers]  # fmt: skip


RICH = """
{tls}
allow_non_tls: true
server_metadata {{ site: north }}
max_subscriptions: 1000
accounts {{
  SHOP {{
    users: [ {{user: shop, password: shop}} ]
    exports: [ {{stream: "news.>"}}, {{service: "price", response: stream}}, {{service: "buy", accounts: [APP]}} ]
    mappings: {{ "old.*": "new.$1" }}
  }}
  APP {{
    users: [ {{user: app, password: app}} ]
    imports: [ {{stream: {{account: SHOP, subject: "news.>"}}, prefix: shop}}, {{service: {{account: SHOP, subject: "price"}}}} ]
  }}
}}
websocket {{ listen: "127.0.0.1:{{websocket}}", no_tls: true, compression: true }}
leafnodes {{
  listen: "127.0.0.1:{{leaf}}"
  authorization {{ user: leaf, password: leaf, account: APP }}
  remotes: [ {{ {hub}
 account: SHOP
 deny_exports: "secret.>" }} ]
}}
"""


def test_every_endpoint_with_all_that_one_server_has(world, tmp_path):
    """TLS with certificates of clients, accounts that share, leafs on both sides, WebSocket."""
    from harness.certificates import Authority

    authority = Authority(tmp_path)
    context = authority.context()
    context.load_cert_chain(*authority.issue("client", "DNS:client.example"))
    both = []
    for kind in (servers.server_under_test(), servers.nats_server("newest")):
        whose = "ours" if kind.is_petiole else "theirs"
        hub = world.hub(name=f"hub_{whose}")
        tls = authority.server_tls(more=f'verify: true\n ca_file: "{authority.cert}"')
        config = RICH.format(tls=tls, hub=remote(hub))
        server = world.server(kind, "edge", config)
        hub.wait_leafs()
        below = world.server(servers.nats_server("newest"), f"below_{whose}",
                             f"leafnodes {{ remotes: [ {{ {remote(server, user='leaf:leaf')} }} ] }}")  # fmt: skip
        server.wait_leafs(2)
        for client in (server.client(user="app", password="app", name="first", tls=context),
                       server.client(user="shop", password="shop", name="second")):  # fmt: skip
            world.keep(client).subscribe("x.y")
            client.subscribe("shop.news.a")
            client.subscribe("x.q", "queue")
            client.publish("x.y", b"12345")
            client.next()
        world.client(below).flush()
        both.append(server)
    missing = r"(.*\.)?(disk_io_wait_stats|feature_flags)\..*"
    unequal = (r"accounts\[\]|write_deadline|system_account|.*subscriptions_list(_detail)?\[\].*|http_req_stats\..*"
               r"|leaf\.remotes\[\]\.urls\[\]|leafs\[\]\.name|.*account_detail\..*|host|leaf\.port|.*name_tag"
               r"|subscriptions_list\[\]\..*|connections\[\]\.(name|reason|tls_cipher_suite)|leafs\[\]\.compression|.*fingerprint.*|.*tls_cert_not_after|account_statz.*")  # fmt: skip
    # Which of connections with as many subscriptions comes first, nobody promises.
    compare(both, missing, unequal, without=("/connz?sort=subs&limit=1",))
