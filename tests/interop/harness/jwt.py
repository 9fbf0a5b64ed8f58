"""Operator, account and user keys and JWTs, for servers in operator mode."""

import base64
import hashlib
import json
import os
import time

import nkeys


class Key:
    """A pair of keys; prefix: operator, account or user."""

    def __init__(self, kind: str):
        prefix = {"operator": nkeys.PREFIX_BYTE_OPERATOR, "account": nkeys.PREFIX_BYTE_ACCOUNT,
                  "user": nkeys.PREFIX_BYTE_USER}[kind]  # fmt: skip
        self.seed = bytes(nkeys.encode_seed(os.urandom(32), prefix))
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public = bytes(self._pair.public_key).decode()

    def sign(self, data: bytes) -> bytes:
        return self._pair.sign(data)

    def proof(self, nonce: str) -> dict:
        """For CONNECT."""
        return {"sig": _base64url(self.sign(nonce.encode()))}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(issuer: Key, subject: str, name: str, nats: dict, **more) -> str:
    """`more` are further claims."""
    claims = {"iat": int(time.time()), "iss": issuer.public, "name": name, "sub": subject,
              "nats": {"version": 2, **nats}, **more}  # fmt: skip
    claims["jti"] = base64.b32encode(hashlib.sha256(json.dumps(claims).encode()).digest()).decode()
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, claims]
    text = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_base64url(issuer.sign(text.encode()))}"


_UNLIMITED = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True,
              "conn": -1, "leaf": -1}  # fmt: skip


class Operator:
    """One operator with a system account and one account. `more` are accounts besides, by their keys:
    name and what their tokens say."""

    def __init__(self):
        self.key, self.system, self.account = Key("operator"), Key("account"), Key("account")
        self.more: dict[Key, tuple[str, dict]] = {}
        self.account_claims: dict = {}
        self.jwt = token(self.key, self.key.public, "O",
                         {"type": "operator", "system_account": self.system.public})  # fmt: skip

    def config(self) -> str:
        accounts = {self.system: ("SYS", {}), self.account: ("A", self.account_claims), **self.more}
        preload = "".join(
            f"{key.public}: {self.account_token(key, name, nats)}\n" for key, (name, nats) in accounts.items()
        )
        return (
            f"operator: {self.jwt}\nsystem_account: {self.system.public}\n"
            f"resolver: MEMORY\nresolver_preload {{\n{preload}}}\n"
        )

    def account_token(self, key: Key, name: str, nats: dict, **claims) -> str:
        return token(self.key, key.public, name, {"type": "account", "limits": _UNLIMITED, **nats}, **claims)

    def credentials(self, permissions: dict | None = None) -> str:
        """The text of a .creds file of a new user of the account."""
        user = Key("user")
        nats = {"type": "user", "subs": -1, "data": -1, "payload": -1, **(permissions or {})}
        jwt = token(self.account, user.public, "u", nats)
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )
