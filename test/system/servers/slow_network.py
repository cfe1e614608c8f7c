"""A network with a delay between a front end and the signers, on loopback: one forwarder for each signer."""
import asyncio
import threading


class SlowNetwork:
    """Forwards port P of each signer from a port of its own and holds every piece back for half the round trip, or
    what `delays` says for this signer, in both directions. In order as long as a signer's delay does not shrink while
    it is talked to. Runs on a thread of its own until stop()."""

    def __init__(self, targets, round_trip):
        self.delay, self.delays = round_trip / 2, {}
        self.ports = {}
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(targets, ready), daemon=True)
        self._thread.start()
        ready.wait(10)

    def _run(self, targets, ready):
        asyncio.set_event_loop(self._loop)
        for number, port in targets.items():
            server = self._loop.run_until_complete(
                asyncio.start_server(lambda r, w, n=number, p=port: self._join(r, w, n, p), '127.0.0.1', 0))
            self.ports[number] = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _join(self, reader, writer, number, port):
        try:
            far_reader, far_writer = await asyncio.open_connection('127.0.0.1', port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, far_writer, number), self._pump(far_reader, writer, number), return_exceptions=True)

    async def _pump(self, reader, writer, number):
        """Each piece leaves its delay after it came, whatever comes after it meanwhile."""
        def send(data):
            if not writer.is_closing():
                writer.write(data) if data else writer.close()
        while True:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b''
            self._loop.call_later(self.delays.get(number, self.delay), send, data)
            if not data:
                return

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
