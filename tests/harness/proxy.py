"""A piece of network between two programs, which a test may make slow, deaf, broken or absent.

It reads what it drops: the kernels go on acknowledging, so that only the programs' own patience
can notice. A connection that lost bytes is reset when the network heals, as no program could go
on with it.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

UP, DOWN = "up", "down"  # towards the server, and back
PASS, DROP, HOLD = "pass", "drop", "hold"  # HOLD keeps bytes and hands them on when it ends
CHUNK = 1 << 14
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: whoever closes sends a reset


@dataclass
class Way:
    """How bytes fare in one direction: after `latency` seconds, at `rate` bytes a second."""

    mode: str = PASS
    latency: float = 0.0
    rate: float = 0.0


@dataclass(eq=False)
class Link:
    """One connection: both ends, and whether bytes of it were dropped."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tainted: bool = False
    half_open: bool = False
    pumps: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """Listens on `port` of 127.0.0.1 and connects each caller with the port that `target` says."""

    def __init__(self, target: Callable[[], int], port: int = 0) -> None:
        self._target, self.port = target, port
        self.ways = {UP: Way(), DOWN: Way()}
        self.accepted = 0
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen(self) -> None:
        """Accepts connections; at the start, and again after `refuse`."""
        self._run(self._listen())

    def refuse(self) -> None:
        """Nobody listens any more, and what was connected is reset."""
        self._run(self._refuse())

    def latency(self, seconds: float) -> None:
        """Delays what passes, in both directions."""
        for way in self.ways.values():
            way.latency = seconds

    def slow(self, rate: float) -> None:
        """Lets `rate` bytes a second pass each way."""
        for way in self.ways.values():
            way.rate = rate

    def blackhole(self, *directions: str) -> None:
        """Bytes vanish (in both directions, unless told one); every socket stays open."""
        for direction in directions or (UP, DOWN):
            self.ways[direction].mode = DROP

    def hold(self, direction: str) -> None:
        """Keeps bytes back until the network heals."""
        self.ways[direction].mode = HOLD

    def half_open(self) -> None:
        """The server's ends are gone and the clients are not told; new connections are sound."""
        self._run(self._half_open())

    def reset(self) -> None:
        """Breaks every connection, loudly, on both sides."""
        self._run(self._reset(lambda _: True))

    def heal(self) -> None:
        """All is as at the start, but that connections that lost bytes are reset."""
        self.ways = {UP: Way(), DOWN: Way()}
        self._run(self._reset(lambda link: link.tainted or link.half_open))

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._links)

    def close(self) -> None:
        """Ends all of it."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _refuse(self) -> None:
        if self._listener:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        await self._reset(lambda _: True)

    async def _end(self) -> None:
        await self._refuse()
        # of who is just being connected, too
        while left := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=5)
        await asyncio.sleep(0)  # what was aborted closes a turn later

    def _accept(self, listener: socket.socket) -> None:
        try:
            caller, _ = listener.accept()
        except OSError:
            return  # the caller is gone already
        self.accepted += 1
        served = self._loop.create_task(self._serve(caller))
        # whatever becomes of it: a task that is cancelled before it begins closes nothing
        served.add_done_callback(lambda _: caller.close())

    async def _serve(self, caller: socket.socket) -> None:
        reader, client = await asyncio.open_connection(sock=caller)
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target())
        except (OSError, asyncio.CancelledError):
            _abort(client)
            return
        link = Link(client, server)
        self._links.add(link)
        link.pumps = [
            self._loop.create_task(self._pump(link, reader, server, UP)),
            self._loop.create_task(self._pump(link, answers, client, DOWN)),
        ]
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*link.pumps, return_exceptions=True)
        self._links.discard(link)
        for end in (client, server):
            end.transport.abort()

    async def _pump(
        self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: str
    ) -> None:
        """Hands on one direction until its end, which is handed on too, unless it was dropped."""
        try:
            while data := await source.read(CHUNK):
                await self._hand_on(link, data, sink, direction)
        except ConnectionError:
            if not await self._passes(link, direction):
                return
            _abort(sink)
            return
        if await self._passes(link, direction) and sink.can_write_eof():
            with suppress(OSError):
                sink.write_eof()

    async def _hand_on(
        self, link: Link, data: bytes, sink: asyncio.StreamWriter, direction: str
    ) -> None:
        way = self.ways[direction]
        await asyncio.sleep(way.latency + (len(data) / way.rate if way.rate else 0))
        if not link.half_open and await self._may_pass(direction):
            sink.write(data)
            await sink.drain()
        else:
            link.tainted = True

    async def _may_pass(self, direction: str) -> bool:
        while self.ways[direction].mode == HOLD:
            await asyncio.sleep(0.01)
        return self.ways[direction].mode == PASS

    async def _passes(self, link: Link, direction: str) -> bool:
        """Whether news of an end passes; one that was kept back comes when the network heals."""
        while link.half_open or not await self._may_pass(direction):
            link.tainted = True
            await asyncio.sleep(0.01)
        return True

    async def _half_open(self) -> None:
        for link in list(self._links):
            link.half_open = True
            _abort(link.server)

    async def _reset(self, chosen: Callable[[Link], bool]) -> None:
        for link in [link for link in self._links if chosen(link)]:
            for end in (link.client, link.server):
                _abort(end)
            for pump in link.pumps:
                pump.cancel()
            self._links.discard(link)


def _abort(end: asyncio.StreamWriter) -> None:
    held = end.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.transport.abort()
