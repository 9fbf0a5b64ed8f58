"""A JetStream stream of a hub, seen by a raw client."""

import json

from harness.client import Client


def _api(client: Client, call: str, body: dict | None = None) -> dict:
    answer = json.loads(client.request(f"$JS.API.{call}", json.dumps(body or {}).encode(), 15).payload)
    assert "error" not in answer, f"{call}: {answer['error']}"
    return answer


class Stream:
    def __init__(self, name: str, subjects: list[str], duplicate_window: float = 120, **more):
        self.name = name
        self.config = {
            "name": name, "subjects": subjects, "storage": "file", "retention": "limits",
            "num_replicas": 1, "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
            "discard": "old", "duplicate_window": int(duplicate_window * 1e9), **more,
        }  # fmt: skip

    def create(self, client: Client) -> "Stream":
        _api(client, f"STREAM.CREATE.{self.name}", self.config)
        return self

    def update(self, client: Client, **changes) -> None:
        _api(client, f"STREAM.UPDATE.{self.name}", {**self.config, **changes})

    def state(self, client: Client) -> dict:
        return _api(client, f"STREAM.INFO.{self.name}")["state"]

    def count(self, client: Client) -> int:
        return self.state(client)["messages"]

    def delete(self, client: Client, sequence: int) -> None:
        _api(client, f"STREAM.MSG.DELETE.{self.name}", {"seq": sequence})

    def payloads(self, client: Client, timeout: float = 60) -> list[bytes]:
        """All messages, oldest first, in pages of a pull consumer."""
        left = self.count(client)
        made = _api(
            client, f"CONSUMER.CREATE.{self.name}",
            {"stream_name": self.name,
             "config": {"ack_policy": "none", "deliver_policy": "all", "replay_policy": "instant"}},
        )  # fmt: skip
        inbox = f"_INBOX.read.{self.name}"
        sid = client.subscribe(inbox)
        got: list[bytes] = []
        while left > 0:
            page = min(left, 5000)
            client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{made['name']}",
                json.dumps({"batch": page}).encode(), inbox,
            )  # fmt: skip
            for _ in range(page):
                message = client.next(timeout, sid)
                assert message.status() == "", message.header
                got.append(message.payload)
            left -= page
        client.unsubscribe(sid)
        return got

    def worker(self, client: Client) -> "Worker":
        """A consumer that acknowledges: of a work queue, it removes what it takes."""
        return Worker(self.name, client)


class Worker:
    def __init__(self, stream: str, client: Client):
        self._client = client
        config = {"durable_name": "worker", "ack_policy": "explicit", "deliver_policy": "all"}
        _api(client, f"CONSUMER.DURABLE.CREATE.{stream}.worker",
             {"stream_name": stream, "config": config})  # fmt: skip
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.worker"
        self._inbox = f"_INBOX.work.{stream}"
        self._sid = client.subscribe(self._inbox)

    def take(self, count: int, timeout: float = 30) -> list[bytes]:
        """The next messages, each acknowledged and the last acknowledgement known to the hub."""
        self._client.publish(self._next, json.dumps({"batch": count}).encode(), self._inbox)
        got = []
        for _ in range(count):
            message = self._client.next(timeout, self._sid)
            assert message.status() == "", message.header
            got.append(message.payload)
            if len(got) < count:
                self._client.publish(message.reply, b"+ACK")
            else:
                self._client.request(message.reply, b"+ACK", timeout)
        return got
