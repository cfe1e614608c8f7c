#!/usr/bin/env python3
"""Full TLS 1.3 handshakes against a server on loopback, each verified; prints counts and latencies."""
import argparse, socket, ssl, sys, threading, time

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
parser.add_argument('--ca', required=True)
parser.add_argument('--count', type=int, default=100)
parser.add_argument('--clients', type=int, default=1)
parser.add_argument('--rate', type=float, default=0, help='handshakes a second of each client; 0: as fast as it goes')
options = parser.parse_args()

took, failed, lock = [], [], threading.Lock()


def client(count):
    context = ssl.create_default_context(cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    for _ in range(count):
        begun = time.perf_counter()
        due = begun + 1 / options.rate if options.rate else 0
        try:
            with socket.create_connection(('127.0.0.1', options.port), timeout=10) as raw:
                with context.wrap_socket(raw, server_hostname='localhost') as tls:
                    assert tls.version() == 'TLSv1.3'
            with lock:
                took.append(time.perf_counter() - begun)
        except (OSError, AssertionError) as error:
            with lock:
                failed.append(str(error))
        time.sleep(max(0, due - time.perf_counter()))


threads = [threading.Thread(target=client, args=(options.count // options.clients,)) for _ in range(options.clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took.sort()
if took:
    print(f'{len(took)} handshakes, {len(failed)} failed, median {took[len(took) // 2] * 1e3:.1f} ms, '
          f'p99 {took[len(took) * 99 // 100] * 1e3:.1f} ms')
for reason in failed[:5]:
    print('failed:', reason)
sys.exit(1 if failed or len(took) < options.count // options.clients * options.clients else 0)
