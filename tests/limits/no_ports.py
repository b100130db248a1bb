"""E19: not a port left towards the next hop (200 in all, in a network namespace of its own).

Pooled connections, one a core, go on serving; who needs another hears 451, and nothing is lost; when ports
come free again everybody is served.
"""

import asyncio
import socket
import time

from client import Client, Refused, content, control_mail
from gateway import Measured, check
from hop import Hop

from harness.network import private_network

FIRST, LAST = 40000, 40199


def occupy(port):
    """Every port from which the gateway could still reach the next hop."""
    held = []
    for number in range(FIRST, LAST + 1):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", number))
            one.connect(("127.0.0.1", port))
            held.append(one)
        except OSError:
            one.close()
    return held


async def several(gateway, hop, name, count):
    async def one(number):
        client = await Client.connect(gateway.port, f"127.60.0.{number + 1}")
        try:
            await client.hello()
            await client.deliver("sender@example.net", "user0@example.test", content(f"{name}-{number}"))
            return "250"
        except Refused as refused:
            return refused.reply[:9]
        finally:
            client.abort()

    replies = await asyncio.gather(*(one(number) for number in range(count)))
    for number, reply in enumerate(replies):
        check(reply != "250" or hop.taken[f"{name}-{number}"] == 1, "answered 250 and not at the next hop")
    return {reply: replies.count(reply) for reply in sorted(set(replies))}


async def run(options, directory):
    private_network()
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write(f"{FIRST} {LAST}")
    hop = Hop()
    gateway = Measured(directory)
    await hop.start(gateway.hop_port)
    gateway.start()
    for number in range(8):
        await control_mail(gateway, hop, f"before-{number}")  # each core has a connection then
    held = occupy(gateway.hop_port)
    print(f"{len(held)} ports taken away")
    check(len(held) > 150, "hardly a port was taken away: nothing was tried")
    for number in range(5):
        await control_mail(gateway, hop, f"reused-{number}")
    replies = await several(gateway, hop, "crowd", 60)
    print("60 at once, without a port:", replies)
    check(set(reply[:3] for reply in replies) <= {"250", "451"}, f"{replies}")
    for one in held:
        one.close()
    deadline = time.monotonic() + 60
    while set(replies := await several(gateway, hop, f"after-{time.monotonic()}", 60)) != {"250"}:
        check(time.monotonic() < deadline, f"does not recover: {replies}")
        await asyncio.sleep(1)
    print(f"recovered {time.monotonic() - deadline + 60:.0f} s after the ports came free")
    gateway.terminate()
