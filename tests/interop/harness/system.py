"""Servers with a user of the system account, and requests to it."""

import json

from harness import servers
from harness.client import Client
from harness.servers import Server

USER, PASSWORD = "admin", "secret"


def config(kind: servers.Kind, more: str = "") -> str:
    """A user of the system account; `app` and `other` are of the global one."""
    users = "{user: app, password: app}, {user: other, password: other}"
    if kind.is_petiole:
        users += f', {{user: {USER}, password: {PASSWORD}, account: "$SYS"}}'
        return f"authorization {{ users: [ {users} ] }}\n{more}\n"
    return (
        f"authorization {{ users: [ {users} ] }}\n"
        f"accounts {{ $SYS {{ users: [ {{user: {USER}, password: {PASSWORD}}} ] }} }}\n{more}\n"
    )


def admin(server: Server, **options) -> Client:
    return server.client(user=USER, password=PASSWORD, name="admin", **options)


def app(server: Server, user: str = "app", **options) -> Client:
    return server.client(user=user, password=user, **options)


def ask(client: Client, subject: str, body: dict | bytes | None = None, timeout: float = 5) -> dict:
    """The answer to a request; {"status": code} where it has a status instead of a body."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    message = client.request(subject, data, timeout)
    return {"status": message.status()} if message.status() else json.loads(message.payload)


def silent(client: Client, subject: str, body: dict | None = None) -> bool:
    """Nobody answers: not before the answer to a later request."""
    inbox = f"_INBOX.silent.{id(client)}"
    sid = client.subscribe(inbox)
    client.publish(subject, json.dumps(body or {}).encode(), inbox)
    ask(client, "$SYS.REQ.SERVER.PING")
    ask(client, "$SYS.REQ.SERVER.PING")
    client.flush()
    try:
        client.next(0.05, sid)
    except TimeoutError:
        return True
    finally:
        client.unsubscribe(sid)
    return False
