"""E20: the process stands still for a minute (SIGSTOP, a paused machine) with 500 sessions in all stages.

Afterwards whoever has run out of time hears 421, nobody hears a 250 that is not true, and mail flows.
"""

import asyncio
import signal

import client as patience
from client import Client, Refused, content, control_mail
from gateway import Measured, check
from hop import Hop


async def answer(client, number, outcomes):
    try:
        outcomes[number] = await client.expect("250")
    except Refused as refused:
        outcomes[number] = refused.reply
    except (OSError, EOFError) as problem:
        outcomes[number] = f"closed: {problem!r}"


async def begin(gateway, number):
    """A third idle, a third in the middle of a message, a third with the final dot sent."""
    client = await Client.connect(gateway.port, f"127.70.{number // 200}.{number % 200 + 1}")
    await client.hello()
    stage = number % 3
    if stage > 0:
        await client.envelope("sender@example.net", "user0@example.test")
        client.writer.write(content(f"stopped-{number}"))
    if stage == 2:
        client.writer.write(b"\r\n.\r\n")
    return client


async def run(options, directory):
    seconds = 60 * (options.minutes or 1)
    patience.TIME = seconds + 240
    hop = Hop()
    timeouts = {"command": f"{int(seconds / 2)}s", "data": f"{int(seconds / 2)}s"}
    gateway = Measured(directory, {"timeouts": timeouts})
    await hop.start(gateway.hop_port)
    gateway.start()
    await control_mail(gateway, hop, "before")
    hop.hold = asyncio.Event()
    count = options.sessions or 500
    clients = await asyncio.gather(*(begin(gateway, number) for number in range(count)))
    await asyncio.sleep(1)
    gateway.signal(signal.SIGSTOP)
    outcomes = {}
    waiting = [asyncio.create_task(answer(client, number, outcomes)) for number, client in enumerate(clients)]
    await asyncio.sleep(seconds)
    hop.hold.set()
    gateway.signal(signal.SIGCONT)
    await asyncio.wait(waiting, timeout=240)
    hop.hold = None
    check(gateway.alive() and len(outcomes) == count, f"{count - len(outcomes)} sessions without an answer")
    for number, reply in outcomes.items():
        check(not reply.startswith("250") or hop.taken[f"stopped-{number}"] == 1, f"250 for {number} was not true")
    for stage, name in enumerate(("idle", "in a message", "after the dot")):
        replies = [reply[:9] for number, reply in outcomes.items() if number % 3 == stage]
        print(f"{name}: { {reply: replies.count(reply) for reply in sorted(set(replies))} }")
        check(stage == 2 or set(replies) == {"421 4.4.2"}, f"{name}: {set(replies)}")
    took = await control_mail(gateway, hop, "after")
    print(f"control mail {took * 1e3:.0f} ms")
    check(took < 2, "the control mail is slow")
    for client in clients:
        client.abort()
    gateway.terminate()
