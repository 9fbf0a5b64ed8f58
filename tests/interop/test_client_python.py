"""The official Python client (nats-py)."""

import asyncio

import nats
import nats.errors
import pytest


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def quiet(_):
    pass


async def through(nc):
    """Returns when all that was published before has come back. (nats-py's PING overtakes.)"""
    fence = await nc.subscribe("fence")
    await nc.publish("fence")
    await fence.next_msg(10)
    await fence.unsubscribe()


def test_messages_wildcards_and_queues(world):
    server = world.alone()

    async def main():
        nc = await nats.connect(server.url)
        subscriptions = [await nc.subscribe(s) for s in ("a.b", "a.*", "a.>")]
        members = [await nc.subscribe("work", queue="workers") for _ in range(3)]
        other = await nc.subscribe("b.>")
        await nc.publish("a.b", b"hello")
        for subscription in subscriptions:
            message = await subscription.next_msg(5)
            assert (message.subject, message.data) == ("a.b", b"hello")
        for i in range(300):
            await nc.publish("work", str(i).encode())
        await through(nc)
        counts = [member.pending_msgs for member in members]
        assert sum(counts) == 300 and all(counts)
        assert other.pending_msgs == 0
        await nc.close()

    run(main())


def test_requests_and_no_responders(world):
    server = world.alone()

    async def main():
        nc = await nats.connect(server.url)

        async def serve(message):
            await message.respond(b"re: " + message.data)

        await nc.subscribe("service", cb=serve)
        assert (await nc.request("service", b"hi", timeout=5)).data == b"re: hi"
        assert (await nc.request("service", b"old", timeout=5, old_style=True)).data == b"re: old"
        with pytest.raises(nats.errors.NoRespondersError):
            await nc.request("nobody", b"", timeout=5)
        await nc.close()

    run(main())


def test_headers_and_sizes(world):
    server = world.alone("max_payload: 64KB")

    async def main():
        nc = await nats.connect(server.url)
        assert nc.max_payload == 65536
        subscription = await nc.subscribe("h")
        await nc.publish("h", b"body", headers={"Key": "a value"})
        message = await subscription.next_msg(5)
        assert message.headers == {"Key": "a value"} and message.data == b"body"
        await nc.publish("h", bytes(65536))
        assert len((await subscription.next_msg(5)).data) == 65536
        with pytest.raises(nats.errors.MaxPayloadError):
            await nc.publish("h", bytes(65537))
        await nc.close()

    run(main())


def test_unsubscribe_after_a_number(world):
    server = world.alone()

    async def main():
        nc = await nats.connect(server.url)
        subscription = await nc.subscribe("a")
        await subscription.unsubscribe(2)
        for i in range(5):
            await nc.publish("a", bytes([i]))
        await through(nc)
        assert subscription.pending_msgs == 2
        await nc.close()

    run(main())


def test_drain(world):
    server = world.alone()

    async def main():
        nc = await nats.connect(server.url)
        seen = []

        async def count(message):
            seen.append(message.data)

        await nc.subscribe("d", cb=count)
        for i in range(200):
            await nc.publish("d", b"%d" % i)
        await nc.drain()
        assert seen == [b"%d" % i for i in range(200)]

    run(main())


@pytest.mark.parametrize(
    "config, options",
    [
        ("authorization { user: ann, password: s3cret }", {"user": "ann", "password": "s3cret"}),
        ("authorization { token: t0ken }", {"token": "t0ken"}),
        ("authorization { users: [ {user: a, password: x}, {user: b, password: y} ] }",
         {"user": "b", "password": "y"}),
    ],
)
def test_authentication(world, config, options):
    server = world.alone(config)

    async def main():
        nc = await nats.connect(server.url, **options)
        await nc.flush()
        await nc.close()
        with pytest.raises(nats.errors.Error, match="(?i)authorization"):
            await nats.connect(server.url, allow_reconnect=False, error_cb=quiet,
                               **{**options, next(iter(options)): "wrong"})

    run(main())


def test_reconnect_brings_subscriptions_back(world):
    server = world.alone()

    async def main():
        back = asyncio.Event()

        async def reconnected():
            back.set()

        nc = await nats.connect(server.url, reconnect_time_wait=0.05, max_reconnect_attempts=-1,
                                reconnected_cb=reconnected, error_cb=quiet)
        subscription = await nc.subscribe("after")
        await nc.flush()
        await asyncio.get_running_loop().run_in_executor(None, server.restart)
        await back.wait()
        await nc.publish("after", b"here again")
        assert (await subscription.next_msg(10)).data == b"here again"
        await nc.close()

    run(main())
