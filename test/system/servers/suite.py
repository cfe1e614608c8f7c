"""What the programs that test a cluster in trouble have in common: options, a cluster, an nginx, load."""
import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys

from . import openssl_conf, programs
from .cluster import PLAIN, Cluster
from .tap import Failure, Tap, expect

SYSTEM = pathlib.Path(__file__).resolve().parent.parent


def options_of(description, *flags):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--port', type=int, default=random.randrange(20000, 32000, 400), help='this and 399 more are used')
    parser.add_argument('--keep', action='store_true', help='leave all files')
    parser.add_argument('--only', help='tests whose names contain this')
    parser.add_argument('--long', action='store_true', help='the longer form')
    for name, text in flags:
        parser.add_argument(name, action='store_true', help=text)
    return parser.parse_args()


def run_suite(options, body, prepare=None, deadline_ms=1000, **cluster):
    """body(site, test) runs tests by test(name, function). `prepare` changes the cluster's files before it is used. Two cores do
    everything here, and others may use them: hence a longer deadline than the default, whose misses are counted instead."""
    tap = Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a time-out leaves no processes behind
    site = Cluster(options.source.resolve(), options.build.resolve(), options.port, **cluster)

    def test(name, function):
        if not options.only or options.only in name:
            tap.run(name, function)
    try:
        site.start(deadline_ms)
        if prepare:
            prepare(site)
        body(site, test)
    except Failure as failure:
        tap.fail('a cluster for the tests', str(failure))
    finally:
        site.stop()
    if not options.keep and not tap.failures:
        site.remove()
    elif tap.failures:
        print(f'# files: {site.top}')
    return tap.end()


def start_nginx(site, provider_json=None, kind=programs.Nginx):
    """nginx as conf/ has it, with the threshold certificate."""
    site.nginx_count = getattr(site, 'nginx_count', 0) + 1
    home = site.top / f'nginx-{site.nginx_count}'
    conf = site.top / f'nginx-{site.nginx_count}.cnf'
    conf.write_text(openssl_conf.configuration((site.root / 'conf/openssl.cnf').read_text(), openssl_conf.ORDERS['default first'],
                                               site.module, provider_json or site.provider_json, ''))
    return kind(site, home, site.port(), conf, site.identities['P-256']).start()


class SteadyLoad:
    """Handshakes begun at a constant rate for as long as the block lasts (handshakes.py --at)."""

    def __init__(self, site, port, rate, seconds=600):
        self.command = [sys.executable, '-B', str(SYSTEM / 'handshakes.py'), '--port', str(port), '--ca', str(site.ca), '--json',
                        '--at', str(rate), '--seconds', str(seconds)]
        self.rate, self.result = rate, None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def __exit__(self, *exception):
        self.finish()

    def finish(self, seconds=None):
        """Ends the load, or waits for its end if it was given a length; what it counted."""
        if self.result is None:
            if seconds is None:
                self.process.send_signal(signal.SIGTERM)
            text, errors = self.process.communicate(timeout=(seconds or 0) + 60)
            expect(text.strip(), f'handshakes.py printed nothing: {errors.decode()}')
            self.result = json.loads(text)
        return self.result

    def check(self):
        """None failed, and as many were made as were due. A line for the log."""
        result = self.finish()
        expect(result['failed'] == 0, f"{result['failed']} of {result['done'] + result['failed']} handshakes failed, by second "
               f"{result['failed_by_second']}: {result['reasons']} {result['examples']}")
        due = self.rate * result['seconds']
        expect(result['done'] > 0.9 * due - self.rate, f"only {result['done']} of {due:.0f} handshakes were begun")
        return (f"{result['done']} handshakes at {self.rate:.0f}/s in {result['seconds']:.0f} s, 0 failed; median "
                f"{result['p50_ms']} ms, p99 {result['p99_ms']} ms, longest {result['max_ms']} ms, {result['late']} over 200 ms")


def handshakes(site, port, *options):
    """What handshakes.py counts when it runs to its end."""
    done = subprocess.run([sys.executable, '-B', str(SYSTEM / 'handshakes.py'), '--port', str(port), '--ca', str(site.ca), '--json',
                           *map(str, options)], env=PLAIN, capture_output=True, timeout=300, check=False)
    return json.loads(done.stdout)


def greatest_rate(site, port, target, clients=8, count=1200):
    """Handshakes a second that this machine makes when it does nothing else; failures do not matter here. An idle key's
    pools are shallow: they are filled to their target first, as those of a key in use."""
    handshakes(site, port, '--at', 50, '--seconds', 2)
    site.wait_for_pools(len(site.numbers), target)
    result = handshakes(site, port, '--count', count, '--clients', clients)
    return result['done'] / result['seconds'], result
