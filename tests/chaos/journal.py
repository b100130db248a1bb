"""The sink's journal: what it holds is on disk before the sink answers, and the verdict reads the file alone.

A record is a line of JSON: number (from the sender), recipients, digest and size of the content below the
gateway's trace field, and the trace field's id. Records are written by a thread of its own; those that wait
together share one fsync.
"""

import asyncio
import json
import os
import queue
import threading


class Journal:
    def __init__(self, path):
        self.path = path
        self.file = open(path, "ab", buffering=0)
        self.waiting = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    async def store(self, record):
        """Returns once the record is on disk."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self.waiting.put((json.dumps(record).encode() + b"\n", loop, done))
        await done

    def write(self):
        while True:
            batch = [self.waiting.get()]
            while not self.waiting.empty():
                batch.append(self.waiting.get())
            lines = [line for line, _, _ in batch if line]
            self.file.write(b"".join(lines))
            os.fsync(self.file.fileno())
            for line, loop, done in batch:
                if line:
                    loop.call_soon_threadsafe(lambda done=done: done.done() or done.set_result(None))
            if len(lines) < len(batch):
                return

    def close(self):
        self.waiting.put((b"", None, None))
        self.thread.join()
        self.file.close()


def read(path):
    """Every record, in the order in which they were stored."""
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]
