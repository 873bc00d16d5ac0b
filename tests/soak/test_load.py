"""Minutes of a mixed load: the memory stays level, nothing is left open, and the metrics say what was asked."""

import json
import os
import threading
import time

from load import KINDS, Load
from machine import Faults, Server, holds, until

MINUTES = float(os.environ.get("SOAK_MINUTES", "1"))
CLIENTS = 12
MB = 1 << 20
# Of loads that differ by chance.
DRIFT = 8 * MB
# Beside the model, as docs/service.md says. The demo model has 4 MB.
MOST = 300 * MB


class Soak(Faults):
    def test_a_mixed_load(self) -> None:
        self.soak(MINUTES)

    def test_the_memory_is_level(self) -> None:
        # An allocator with many arenas needs hours to fill them all. With one, it takes only what the service does.
        memory = self.soak(MINUTES / 3, MALLOC_ARENA_MAX="1")
        # At first, each size and way is met for the first time.
        third = len(memory) // 3
        middle, last = (sorted(part)[third // 2] for part in (memory[third : 2 * third], memory[2 * third : 3 * third]))
        print(f"memory: {middle / MB:.1f} MB in the middle, {last / MB:.1f} MB in the end")
        curve = [size // MB for size in memory[:: max(1, len(memory) // 60)]]
        self.assertLess(last - middle, DRIFT, f"MB over time: {curve}")

    def soak(self, minutes: float, **settings: str) -> list[int]:
        """A mixed load. Returns how much memory the service had all the time."""
        server = self.serve(INDIC_SEAMLESS_BODY_TIMEOUT_S="3", LOG_LEVEL="error", **settings)
        before = holds(server.process.pid)
        memory: list[int] = []
        end = threading.Event()

        def watch() -> None:
            while not end.wait(0.5):
                memory.append(holds(server.process.pid)[0])

        watcher = threading.Thread(target=watch)
        watcher.start()
        load = Load(server, CLIENTS)
        load.start()
        time.sleep(60 * minutes)
        load.stop()
        end.set()
        watcher.join()
        self.assertEqual(load.wrong, [])
        self.assertEqual(set(load.kinds), {kind.__name__ for kind, _ in KINDS})
        self.compare(load, self.settled(server))
        # Threads for work that blocks end when they have been idle for ten seconds.
        until(lambda: holds(server.process.pid)[2] <= before[2], 60)
        after = holds(server.process.pid)
        self.assertLessEqual(after[1], before[1] + 1)
        self.assertLess(max(memory), before[0] + MOST)
        report = {
            "minutes": minutes,
            "answers": self.by_status(load),
            "broken_off": sum(load.gone.values()),
            "kinds": dict(load.kinds),
            "memory_mb": {"before": before[0] // MB, "most": max(memory) // MB, "after": after[0] // MB},
            "files_and_threads": {"before": before[1:], "after": after[1:]},
        }
        print(json.dumps(report))
        self.assertEqual(server.stop(), 0)
        return memory

    @staticmethod
    def by_status(load: Load) -> dict[int, int]:
        statuses = sorted({status for _, status in load.answers})
        return {status: sum(n for (_, other), n in load.answers.items() if other == status) for status in statuses}

    def settled(self, server: Server) -> dict[str, float]:
        """The metrics, once the service has noticed who has left."""
        nothing = ("sockets", "body_bytes", "searches", "cache_bytes", 'waiting{priority="interactive"}')
        metrics: dict[str, float] = {}

        def is_idle() -> bool:
            metrics.update(server.metrics())
            # The request for metrics is one.
            return metrics["in_flight"] == 1 and all(metrics[name] == 0 for name in nothing)

        until(is_idle, 30)
        return metrics

    def compare(self, load: Load, metrics: dict[str, float]) -> None:
        """That each answer was counted once, and none that was not given."""
        counted: dict[tuple[str, int], float] = {}
        for name, value in metrics.items():
            if name.startswith("requests_total"):
                labels = dict(label.split("=") for label in name.partition("{")[2].rstrip("}").split(","))
                key = labels["path"].strip('"'), int(labels["status"].strip('"'))
                counted[key] = counted.get(key, 0) + value
        for (path, status), answers in load.answers.items():
            path = "other" if path == "/nowhere" else path
            if path == "/speech-to-text":
                continue
            self.assertEqual(counted.get((path, status)), answers, f"{path} {status}")
        # Of those who left some were answered, too.
        speech = sum(n for (path, _), n in load.answers.items() if path == "/speech-to-text")
        found = sum(n for (path, _), n in counted.items() if path == "/speech-to-text")
        self.assertTrue(speech <= found <= speech + load.gone["/speech-to-text"], (speech, found, load.gone))
        done = metrics['stage_seconds_count{stage="total"}']
        good = sum(n for (path, status), n in load.answers.items() if status == 200 and path != "/v1/models")
        self.assertGreaterEqual(done, good)
        refused = sum(value for name, value in metrics.items() if name.startswith("refused_total"))
        self.assertGreaterEqual(refused, sum(n for (_, status), n in load.answers.items() if status == 503))
