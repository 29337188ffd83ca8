"""pgqueuer: jobs that do nothing, claimed in batches of 100 and completed by four worker processes.

pgqueuer_jobs.py drain URL JOBS   enqueues, starts the workers, prints how many jobs a second they did
pgqueuer_jobs.py worker URL       one worker, until the queue is empty
"""

import asyncio
import sys
import time

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

WORKERS = 4
BATCH = 100


async def worker(url: str) -> None:
    connection = await asyncpg.connect(url)
    queuer = PgQueuer(AsyncpgDriver(connection))

    @queuer.entrypoint("look")
    async def look(_job) -> None:
        return None

    # The time of imports and connections is nobody's: work begins when told.
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await queuer.qm.run(batch_size=BATCH, mode=QueueExecutionMode.drain)


async def drain(url: str, jobs: int) -> None:
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for start in range(0, jobs, 1000):
        count = min(1000, jobs - start)
        await queries.enqueue(["look"] * count, [b"{}"] * count, [0] * count)
    pipe = asyncio.subprocess.PIPE
    start_one = lambda: asyncio.create_subprocess_exec(  # noqa: E731
        sys.executable, __file__, "worker", url, stdin=pipe, stdout=pipe
    )
    workers = [await start_one() for _ in range(WORKERS)]
    for one in workers:
        await one.stdout.readline()
    began = time.perf_counter()
    for one in workers:
        one.stdin.write(b"go\n")
    while await connection.fetchval("SELECT EXISTS (SELECT 1 FROM pgqueuer)"):
        await asyncio.sleep(0.02)
    took = time.perf_counter() - began
    for one in workers:
        one.stdin.close()
        try:
            await asyncio.wait_for(one.wait(), 10)
        except TimeoutError:
            one.kill()
    print(jobs / took)


if __name__ == "__main__":
    uvloop.install()
    if sys.argv[1] == "worker":
        asyncio.run(worker(sys.argv[2]))
    else:
        asyncio.run(drain(sys.argv[2], int(sys.argv[3])))
