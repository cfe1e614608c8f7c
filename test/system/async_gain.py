#!/usr/bin/env python3
"""One HAProxy thread, signers 20 ms (round trip) away: handshakes with and without ssl-mode-async.

usage: async_gain.py --source DIR --build DIR [--port P] [--keep]
TAP output; prints both rates and their ratio. The gain the project promises is 5; the test fails below 2, where no
machine can be that busy without asynchronous jobs being broken."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from servers import openssl_conf, programs  # noqa: E402
from servers.cluster import PLAIN, Cluster  # noqa: E402
from servers.slow_network import SlowNetwork  # noqa: E402
from servers.tap import Failure, Tap, expect  # noqa: E402

ROUND_TRIP = 0.020
CLIENTS = 200
SOURCE = pathlib.Path(__file__).resolve().parent


class Sync(programs.HaproxyMaster):
    threads = 1


class Async(programs.HaproxyAsync):
    """As conf/haproxy-async.cfg has it."""


def deepen_pools(site, target):
    """Presignatures for all handshakes of the measurement, so that it is not their making that is measured."""
    for number in (1, 2, 3):
        path = site.dir / f'signer-{number}/signerd.json'
        config = json.loads(path.read_text())
        config['pool'] = {'min': 16, 'target': target}
        path.write_text(json.dumps(config, indent=2))
    site.restart_all()


def far_provider(site, network, name, **changes):
    """A provider.json whose signers are behind the slow network."""
    path = site.new_frontend(name, deadline_ms=5000, **changes)
    config = json.loads(path.read_text())
    for signer in config['signers']:
        signer['address'] = f"127.0.0.1:{network.ports[signer['id']]}"
    path.write_text(json.dumps(config, indent=2))
    return path


def hammer(site, port, count, clients):
    """Handshakes a second; all have to succeed."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, '-B', SOURCE / 'handshakes.py', '--port', str(port), '--ca', site.ca, '--count', str(count),
                           '--clients', str(clients)], env=PLAIN, capture_output=True, text=True, timeout=300, check=False)
    took = time.monotonic() - begun
    expect(done.returncode == 0, done.stdout + done.stderr)
    return count / took, done.stdout.strip()


class AsyncGain:
    def __init__(self, site, network):
        self.site, self.network, self.number = site, network, 0
        self.rates = {}

    def server(self, kind):
        self.number += 1
        home = self.site.top / f'async-{self.number}'
        provider = far_provider(self.site, self.network, f'far{self.number}', **kind.provider_changes)
        conf = self.site.top / f'async-{self.number}.cnf'
        conf.write_text(openssl_conf.configuration((self.site.root / 'conf/openssl.cnf').read_text(),
                                                   openssl_conf.ORDERS['default first'], self.site.module, provider, ''))
        return kind(self.site, home, self.site.port(), conf, self.site.identities['P-256']).start()

    def rate(self, kind, count):
        self.site.wait(240)
        server = self.server(kind)
        try:
            hammer(self.site, server.port, 4, 2)       # connections to the signers are there
            self.rates[kind], notes = hammer(self.site, server.port, count, CLIENTS)
        except Failure as failure:
            raise Failure(f'{failure}\n{server.logs()[-3000:]}') from None
        finally:
            server.stop()
        return f'{self.rates[kind]:.0f} handshakes/s; {notes}'

    def gain(self):
        gain = self.rates[Async] / self.rates[Sync]
        expect(gain > 2, f'only {gain:.1f} times as many handshakes with ssl-mode-async')
        return f'gain {gain:.1f} with {CLIENTS} concurrent handshakes, {ROUND_TRIP * 1000:.0f} ms round trip, one thread'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--port', type=int, default=random.randrange(20000, 32000, 400))
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    tap = Tap()
    site = Cluster(options.source, options.build, options.port)
    network = None
    try:
        site.start()
        deepen_pools(site, 400)
        network = SlowNetwork({number: site.base + number for number in (1, 2, 3)}, ROUND_TRIP)
        test = AsyncGain(site, network)
        tap.run('HAProxy, one thread, signers 20 ms away: 200 concurrent handshakes', lambda: test.rate(Sync, 200))
        tap.run('the same with ssl-mode-async', lambda: test.rate(Async, 600))
        if len(test.rates) == 2:
            tap.run('ssl-mode-async gains', test.gain)
    except Failure as failure:
        tap.fail('a cluster for the tests', str(failure))
    finally:
        if network:
            network.stop()
        site.stop()
    if not options.keep and not tap.failures:
        site.remove()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
