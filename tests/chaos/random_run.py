"""The random run: N messages, faults at every side, disturbances of the process; then the verdict."""

import asyncio
import os

from disturber import Disturber
from faults import Faults
from mail import Mail
from stage import Stage


async def random_run(options):
    """True if everything that must hold did."""
    mails = [Mail(options.seed, number) for number in range(options.messages)]
    stage = Stage(options.seed, Faults(options.seed), mails)
    program = the_program(stage, options)
    every = [float(seconds) for seconds in options.every.split(",")]
    faults_build = options.faults if os.path.exists(options.faults) and not options.peer else None
    disturber = Disturber(stage, program, options.binary, options.seed, every, faults_build)
    limit = options.limit or 600 + options.messages
    try:
        await stage.sink.start()
        stage.clients.put(mails)
        settled = await bounded(stage, disturber, limit)
        await last_life(program, options.binary, disturber)
        return report(stage, program, disturber, settled, limit)
    finally:
        if program.alive:
            await program.kill()
        await stage.close(options.keep)


def the_program(stage, options):
    if not options.peer:
        return stage.program()
    from peer import Peer

    return Peer(stage)


async def bounded(stage, disturber, limit):
    """Whether all messages were settled before the limit."""
    tasks = [
        asyncio.create_task(stage.clients.run()),
        asyncio.create_task(disturber.run()),
        asyncio.create_task(progress(stage, disturber)),
    ]
    done, _ = await asyncio.wait(tasks, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    return bool(done)


async def progress(stage, disturber):
    while True:
        await asyncio.sleep(5)
        settled = len(stage.mails) - stage.clients.left
        done = f"{settled}/{len(stage.mails)} settled"
        print(f"{done}, {counts(disturber.counts)}; now {disturber.doing}", flush=True)


async def last_life(program, binary, disturber):
    """The events of what the last kill cut off are written at the next start."""
    if program.alive:
        await program.kill()
    if not await program.start(binary):
        disturber.problems.append("the gateway does not start at the end")
    elif await program.stop() != 0:
        disturber.problems.append("the gateway does not stop at the end")


def counts(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "nothing yet"


def report(stage, program, disturber, settled, limit):
    verdict = stage.judge(program.events())
    if not settled:
        print(f"not done within {limit:.0f} s; the gateway: {disturber.doing}")
        print("\n".join(stage.unsettled()))
    died = sum(disturber.crashed_at.values())
    print(f"disturbances: {counts(disturber.counts)}; died at a crash point {died} times")
    print(f"faults of the sink: {counts(stage.sink.counts)}")
    print(f"starts: {len(program.starts)}, the slowest {max(program.starts, default=0):.2f} s")
    print(verdict.summary())
    for line in [*verdict.details(), *disturber.problems[:20]]:
        print(line)
    return settled and verdict.good and not disturber.problems
