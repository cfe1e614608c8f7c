#!/usr/bin/env python3
"""What a presignature costs a signer: CPU time and bytes sent, TLS between signers included.

Real signerd processes on loopback refill their pools at full speed. Over a window: the CPU time of all their threads
(/proc, nanoseconds), divided by the presignatures that each of them took part in (their own log: batch_pooled), and what
their links sent (TCP payload, that is TLS records and all, from the kernel's counters). More than one --signerd are
measured in turns, on the same cluster.
"""
import argparse
import collections
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'test/system'))

from figures import Figure, Goal, Section, Table  # noqa: E402
from servers.cluster import PLAIN, Cluster, run  # noqa: E402
from servers.tap import Failure, eventually  # noqa: E402

TARGETS = ['signerd/signerd', 'tools/quorate', 'provider/quorate.so']
BASE_PORT = 25000
POOL_TARGET = 100_000
Case = collections.namedtuple('Case', 'curve threshold signers us bytes', defaults=(None, None))
CASES = {
    'p256_2of3': Case('P-256', 2, 3, us=Goal(at_most=500), bytes=Goal(at_most=45_000)),
    'p256_3of5': Case('P-256', 3, 5),
    'p384_2of3': Case('P-384', 2, 3),
}
Sample = collections.namedtuple('Sample', 'cpu_ns faults switches sent presignatures at')


class RefillCluster(Cluster):
    """Signers whose binary can be exchanged, and what they have used up."""
    binary = None

    def start_signer(self, number, fault='', versions=''):
        home = self.dir / f'signer-{number}'
        with open(home / 'signerd.log', 'wb') as log:
            self.signers[number] = subprocess.Popen([self.binary, '--config', home / 'signerd.json'], stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log, env=PLAIN)

    def used(self):
        cpu = faults = switches = 0
        for process in self.signers.values():
            proc = pathlib.Path(f'/proc/{process.pid}')
            for thread in (proc / 'task').iterdir():
                cpu += int((thread / 'schedstat').read_text().split()[0])
                switches += sum(int(n) for n in re.findall(r'ctxt_switches:\s*(\d+)', (thread / 'status').read_text()))
            faults += int((proc / 'stat').read_text().rsplit(')', 1)[1].split()[7])
        return cpu, faults, switches

    def sent(self):
        """By all ends of all links that signers have among themselves; those to callers carry next to nothing."""
        ports = {str(self.base + number) for number in self.numbers}
        total = 0
        for line in run('ss', '-tinHO', 'state', 'established').splitlines():
            ends = re.findall(r'127\.0\.0\.1:(\d+)', line)
            sent = re.search(r'bytes_sent:(\d+)', line)
            if sent and ports & set(ends[:2]):
                total += int(sent.group(1))
        return total

    def pooled(self):
        """Presignatures in batches that have ended, of every signer that took part in each."""
        return sum(entry['count'] for number in self.numbers for entry in self.log(number, 'batch_pooled'))

    def sample(self):
        cpu, faults, switches = self.used()
        return Sample(cpu, faults, switches, self.sent(), self.pooled(), time.monotonic())


@contextlib.contextmanager
def running(build, case, base_port):
    """A cluster of this case, and the key that is to be refilled."""
    cluster = RefillCluster(ROOT, build, base_port, case.signers, case.threshold)
    try:
        cluster.start()
        if case.curve == 'P-384':
            cluster.make_p384()
        yield cluster, cluster.identities[case.curve].key
    finally:
        with contextlib.suppress(Failure, OSError):
            cluster.stop()
        cluster.remove()


def refill(cluster, binary, key):
    """Starts all signers afresh with this binary and has them refill at full speed."""
    cluster.binary = binary
    for number in cluster.numbers:
        if number in cluster.signers:
            cluster.stop_signer(number)
    for number in cluster.numbers:
        cluster.edit_signer(number, log_level='debug', pool={'min': 16, 'target': POOL_TARGET})
        cluster.start_signer(number)
    eventually(cluster.mesh_is_whole, 'all signers are linked', 20)
    cluster.wait()
    # A key that is used is refilled to its target; all that is done here beyond it is refilling.
    run(cluster.quorate, 'sign', '--config', cluster.provider_json, '--key', key, '--count', 20)
    before = cluster.pooled()
    eventually(lambda: cluster.pooled() > before + 640, 'the pools are refilled', 20)


def window(cluster, seconds):
    """What a presignature costs each of its signers, while they refill: CPU in us, bytes sent, page faults, switches of
    thread; and how many processors were busy with it, and how many presignatures the figures are of."""
    first = cluster.sample()
    time.sleep(seconds)
    last = cluster.sample()
    count, cpu_us = last.presignatures - first.presignatures, (last.cpu_ns - first.cpu_ns) / 1e3
    if count < 1000 * seconds / 5:
        raise Failure(f'only {count} presignatures in {seconds} s: are the pools full?')
    return {'us': cpu_us / count, 'bytes': (last.sent - first.sent) / count, 'faults': (last.faults - first.faults) / count,
            'switches': (last.switches - first.switches) / count, 'busy': cpu_us / 1e6 / (last.at - first.at), 'count': count}


def text_of(result):
    return ', '.join(f'{value:.6g} {what}' for what, value in result.items())


def measure(site):
    section = Section('Refilling pools', text='''
Signers on loopback that refill their pools at full speed in batches of 64. CPU is that of all threads of a signerd: protocol,
TLS, system calls, log. Bytes are what TCP carried between signers, with TLS records, without headers of TCP and IP.''')
    table = Table('Per presignature and party', ['case', 'CPU, us', 'bytes sent', 'page faults', 'switches of thread'], [])
    for name, case in CASES.items():
        with running(site.build, case, BASE_PORT) as (cluster, key):
            refill(cluster, site.build / 'signerd/signerd', key)
            results = []
            for _ in range(site.repetitions):
                results.append(window(cluster, 2 if site.quick else 5))
                site.say(f'{name}: {text_of(results[-1])}')
        what = f'{case.threshold} of {case.signers} on {case.curve}'
        us, sent = [result['us'] for result in results], [result['bytes'] for result in results]
        faster = Goal(at_least=1e6 / case.us.at_most) if case.us else None
        section.figures += [
            Figure.of(f'presign_{name}_per_core_per_s', [1e6 / each for each in us], '1/s', goal=faster,
                      text=f'{what}: presignatures that a core of a signer makes a second, TLS included'),
            Figure.of(f'presign_{name}_us_per_party', us, 'us', goal=case.us, text=f'{what}: CPU of a party for a presignature'),
            Figure.of(f'presign_{name}_bytes_per_party', sent, 'bytes', goal=case.bytes,
                      text=f'{what}: bytes that a party sends for a presignature')]
        table.rows.append([what, *(statistics.median(result[each] for result in results)
                                   for each in ('us', 'bytes', 'faults', 'switches'))])
    section.tables = [table]
    return section


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--signerd', action='append', default=[], metavar='NAME=FILE', help='default: that of the build directory')
    parser.add_argument('--case', action='append', choices=CASES, default=[], help='default: all')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--base-port', type=int, default=BASE_PORT)
    args = parser.parse_args()
    build = args.build.resolve()
    binaries = dict(item.split('=', 1) for item in args.signerd) or {'signerd': build / 'signerd/signerd'}
    for case in args.case or CASES:
        results = collections.defaultdict(list)
        with running(build, CASES[case], args.base_port) as (cluster, key):
            for _ in range(args.rounds):
                for name, binary in binaries.items():
                    refill(cluster, binary, key)
                    results[name].append(window(cluster, args.seconds))
                    print(f'{case} {name}: {text_of(results[name][-1])}', flush=True)
        for name, found in results.items():
            print(f'{case} {name}, medians:', text_of({each: statistics.median(result[each] for result in found) for each in found[0]}))


if __name__ == '__main__':
    main()
