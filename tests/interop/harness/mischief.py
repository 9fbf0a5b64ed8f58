"""What a seed may do to a hub, to the server under test and to the link between them."""

import os
import random
import signal
import threading


def seeds(first: int = 1) -> list[int]:
    """PETIOLE_SEED=n: one seed; PETIOLE_SEEDS=n: that many, from PETIOLE_SEED (or `first`) on."""
    first = int(os.environ.get("PETIOLE_SEED", first))
    return list(range(first, first + int(os.environ.get("PETIOLE_SEEDS", 1))))


class Mischief:
    """`told` holds the names of what was done, in order."""

    def __init__(self, world, seed: int):
        self.world, self.random, self.told = world, random.Random(seed), []
        self.hub = self.edge = self.proxy = None  # Set by who plays it.

    def pause(self, longest: float) -> None:
        threading.Event().wait(self.random.uniform(0, longest))

    def kill_edge(self) -> None:
        self.edge.kill()
        self.edge.start()

    def stop_edge(self) -> None:
        """In order, and with clients that publish."""
        self.edge.signal(signal.SIGTERM)
        self.edge.wait(20)
        self.edge.start()

    def kill_hub(self) -> None:
        self.hub.kill()
        self.pause(1)
        self.hub.start()

    def lame_duck(self) -> None:
        self.hub.signal(signal.SIGUSR2)
        self.pause(2)
        self.hub.stop()
        self.hub.start()

    def hang_hub(self) -> None:
        self.hub.pause()
        self.pause(3)
        self.hub.resume()

    def reset(self) -> None:
        self.proxy.reset()

    def cut(self) -> None:
        self.proxy.set(refuse=True)
        self.proxy.reset()
        self.pause(2)
        self.proxy.set(refuse=False)

    def cut_in_frame(self) -> None:
        self.proxy.cut_after(self.random.choice(["up", "down"]), self.random.randint(1, 50_000))

    def swallow(self) -> None:
        """What goes one way vanishes, and then the link breaks."""
        self.proxy.set(swallow=(self.random.choice(["up", "down"]),))
        self.pause(1.5)
        self.proxy.reset()
        self.proxy.set(swallow=())

    def stall(self) -> None:
        self.proxy.set(stalled=True)
        self.pause(2)
        self.proxy.set(stalled=False)

    def slow(self) -> None:
        self.proxy.set(latency=self.random.choice([0, 0.05, 0.3]), bandwidth=self.random.choice([0, 50_000]))

    def do(self, acts: list) -> None:
        """One to three of `acts`, and a little time."""
        for act in self.random.sample(acts, self.random.choice([1, 1, 2, 3])):
            self.told.append(act.__name__)
            act()
        self.pause(0.4)


def play_through(scene, seed: int) -> None:
    """Plays and checks; a failure names the seed and what was done."""
    try:
        scene.play()
        scene.check()
    except AssertionError as error:
        raise AssertionError(f"PETIOLE_SEED={seed} ({', '.join(scene.told)}): {error}") from error
