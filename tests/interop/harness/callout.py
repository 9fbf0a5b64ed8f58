"""A callout service: answers $SYS.REQ.USER.AUTH as the name of the caller says, in a thread."""

import base64
import json
import os
import threading
import time

import nkeys
from nacl.public import Box, PrivateKey, PublicKey

from harness.jwt import Key, token


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def public_bytes(text: str) -> bytes:
    return base64.b32decode(text + "=" * (-len(text) % 8))[1:33]


class XKey:
    """A Curve25519 key; `seal` and `open` as nkeys does it."""

    def __init__(self):
        self._secret = PrivateKey.generate()
        raw = bytes([23 << 3]) + bytes(self._secret.public_key)
        raw += nkeys.crc16(bytearray(raw)).to_bytes(2, "little")
        self.public = base64.b32encode(raw).rstrip(b"=").decode()

    def open(self, data: bytes, sender: str) -> bytes:
        assert data[:4] == b"xkv1", data[:8]
        return Box(self._secret, PublicKey(public_bytes(sender))).decrypt(data[28:], data[4:28])

    def seal(self, data: bytes, to: str) -> bytes:
        nonce = os.urandom(24)
        box = Box(self._secret, PublicKey(public_bytes(to))).encrypt(data, nonce)
        return b"xkv1" + nonce + box.ciphertext


def read_request(text: str) -> dict:
    """The claims; the signature must be the issuer's."""
    from nacl.signing import VerifyKey

    head, body, signature = text.split(".")
    claims = json.loads(_decode(body))
    VerifyKey(public_bytes(claims["iss"])).verify(f"{head}.{body}".encode(), _decode(signature))
    return claims


class Service:
    """`answer(request, service)` returns what is sent back: text, or None for silence."""

    def __init__(self, client, answer, xkey: XKey | None = None):
        self.requests: list[dict] = []
        self.headers: list[dict] = []
        self.xkey = xkey
        self._client, self._answer = client, answer
        client.subscribe("$SYS.REQ.USER.AUTH")
        client.flush()
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends = True
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ends:
            try:
                message = self._client.next(0.1)
            except TimeoutError:
                continue
            except (EOFError, OSError):
                return
            self._serve(message)

    def _serve(self, message) -> None:
        headers = message.headers()
        peer = headers.get("Nats-Server-Xkey")
        text = message.payload
        if not text.startswith(b"eyJ"):
            text = self.xkey.open(text, peer)
        request = read_request(text.decode())
        self.headers.append(headers)
        self.requests.append(request)
        said = self._answer(request)
        if said is None:
            return
        said = said if isinstance(said, bytes) else said.encode()
        if self.xkey and peer and request["nats"]["connect_opts"].get("user") != "clear":
            said = self.xkey.seal(said, peer)
        self._client.publish(message.reply, said)


def user_token(issuer: Key, request: dict, account: str | None = None, **nats) -> str:
    """Without limits but for what `nats` says: absent ones are 0, which nats-server 2.15.3 means."""
    nats = {"subs": -1, "data": -1, "payload": -1, **nats}
    more = {"aud": account} if account is not None else {}
    return _token(issuer, nats.pop("sub_", request["nats"]["user_nkey"]), nats.pop("name", ""),
                  {"type": "user", **nats}, **{**more, **nats.pop("claims", {})})  # fmt: skip


def response(signer: Key, request: dict, jwt: str = "", error: str = "", **claims) -> str:
    """A good one, but for what `claims` says; `nats` in it are more fields inside."""
    nats = {"type": "authorization_response", **claims.pop("nats", {})}
    if jwt:
        nats["jwt"] = jwt
    if error:
        nats["error"] = error
    subject = claims.pop("sub", request["nats"]["user_nkey"])
    claims.setdefault("aud", request["nats"]["server_id"]["id"])
    return _token(signer, subject, "", nats, **claims)


def _token(issuer: Key, subject: str, name: str, nats: dict, **claims) -> str:
    return token(issuer, subject, name, nats, **claims)


def expired() -> int:
    return int(time.time()) - 10
