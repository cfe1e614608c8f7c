#!/usr/bin/env python3
"""Full TLS 1.3 handshakes against a server on loopback, each verified; prints counts, latencies and failures.

Without --at each client makes its share of --count handshakes, one after the other. With --at RATE a handshake is
begun every 1/RATE s, whether or not the server keeps up, for --seconds or until SIGTERM; latencies count from the
moment at which a handshake was due. --json prints one object instead of text."""
import argparse
import collections
import json
import signal
import socket
import ssl
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
parser.add_argument('--ca', required=True)
parser.add_argument('--count', type=int, default=100)
parser.add_argument('--clients', type=int, default=1)
parser.add_argument('--rate', type=float, default=0, help='handshakes a second of each client; 0: as fast as it goes')
parser.add_argument('--at', type=float, default=0, help='handshakes a second of all clients together, due at fixed times')
parser.add_argument('--seconds', type=float, default=60)
parser.add_argument('--json', action='store_true')
options = parser.parse_args()

SLOW, LATE = 0.1, 0.2  # seconds; LATE is the default deadline of a signature
took, failed, lock = [], [], threading.Lock()   # seconds; (second of the run, reason)
slow = collections.Counter()                    # by second of the run
begun = time.perf_counter()
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())


def client_context():
    context = ssl.create_default_context(cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def handshake(context, due):
    try:
        with socket.create_connection(('127.0.0.1', options.port), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname='localhost') as tls:
                assert tls.version() == 'TLSv1.3' and not tls.session_reused
        with lock:
            took.append(time.perf_counter() - due)
            if took[-1] > SLOW:
                slow[int(due - begun)] += 1
    except (OSError, AssertionError) as error:
        with lock:
            failed.append((int(due - begun), f'{error} after {(time.perf_counter() - due) * 1e3:.0f} ms'))


def client(count):
    context = client_context()
    for _ in range(count):
        at = time.perf_counter()
        handshake(context, at)
        if options.rate:
            time.sleep(max(0, at + 1 / options.rate - time.perf_counter()))


slots = iter(range(int(options.at * options.seconds)))


def steady_client():
    context = client_context()
    while not stopping.is_set():
        with lock:
            slot = next(slots, None)
        if slot is None:
            return
        due = begun + slot / options.at
        # Between slots the stop is looked at: at low rates a slot can be far away.
        while (left := due - time.perf_counter()) > 0:
            if stopping.wait(min(left, 0.2)) and due - time.perf_counter() > 0:
                return
        handshake(context, due)


if options.at:
    # As many as can be under way at a time; what is due beyond that begins late, which its latency then shows.
    threads = [threading.Thread(target=steady_client) for _ in range(max(options.clients, min(200, int(options.at))))]
else:
    threads = [threading.Thread(target=client, args=(options.count // options.clients,)) for _ in range(options.clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
elapsed = time.perf_counter() - begun
took.sort()


def percentile(fraction):
    return round(took[min(len(took) - 1, int(len(took) * fraction))] * 1e3, 1) if took else None


if options.json:
    print(json.dumps({'done': len(took), 'failed': len(failed), 'seconds': round(elapsed, 1), 'p50_ms': percentile(0.5),
                      'p99_ms': percentile(0.99), 'max_ms': percentile(1),
                      'reasons': collections.Counter(reason.split(' after ')[0] for _, reason in failed),
                      'examples': failed[:8], 'late': sum(t > LATE for t in took), 'slow_by_second': slow,
                      'failed_by_second': collections.Counter(second for second, _ in failed)}))
elif took:
    print(f'{len(took)} handshakes, {len(failed)} failed, median {percentile(0.5)} ms, p99 {percentile(0.99)} ms')
if not options.json:
    for _, reason in failed[:5]:
        print('failed:', reason)
complete = options.at or len(took) == options.count // options.clients * options.clients
sys.exit(0 if took and not failed and complete else 1)
