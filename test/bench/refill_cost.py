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
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'test/system'))

from servers.cluster import PLAIN, Cluster, run  # noqa: E402
from servers.tap import Failure, eventually      # noqa: E402

POOL_TARGET = 100_000
CASES = {  # name -> (curve, threshold, signers)
    'p256_2of3': ('P-256', 2, 3),
    'p256_3of5': ('P-256', 3, 5),
    'p384_2of3': ('P-384', 2, 3),
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


def refill(cluster, binary, key, seconds):
    """Starts all signers afresh with this binary, has them refill, and gives what a presignature cost in the window."""
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
    first = cluster.sample()
    time.sleep(seconds)
    last = cluster.sample()
    count = last.presignatures - first.presignatures
    if count < 1000:
        raise Failure(f'only {count} presignatures in {seconds} s')
    return {'us': (last.cpu_ns - first.cpu_ns) / count / 1e3, 'bytes': (last.sent - first.sent) / count,
            'faults': (last.faults - first.faults) / count, 'switches': (last.switches - first.switches) / count,
            'busy': (last.cpu_ns - first.cpu_ns) / 1e9 / (last.at - first.at), 'count': count}


def measure(build, case, binaries, rounds, seconds, base_port, report=lambda text: None):
    """One value per round of each binary: {name: [what refill() gives]}."""
    curve, threshold, signers = CASES[case]
    cluster = RefillCluster(ROOT, build, base_port, signers, threshold)
    results = {name: [] for name in binaries}
    try:
        cluster.start()
        key = cluster.identities['P-256'].key
        if curve == 'P-384':
            cluster.make_p384()
            key = cluster.identities['P-384'].key
        for turn in range(rounds):
            for name, binary in binaries.items():
                result = refill(cluster, binary, key, seconds)
                results[name].append(result)
                report(f'{case} {name} {turn + 1}: ' + ', '.join(f'{value:.6g} {what}' for what, value in result.items()))
    finally:
        with contextlib.suppress(Failure, OSError):
            cluster.stop()
        cluster.remove()
    return results


def figures(case, results):
    """Names and units as in RESULTS.md, of one binary."""
    def figure(unit, values, digits):
        return {'value': round(statistics.median(values), digits), 'unit': unit, 'median_of': len(values),
                'spread': round(max(values) - min(values), digits)}
    times = [result['us'] for result in results]
    return {f'presign_{case}_per_core_per_s': figure('1/s', [1e6 / us for us in times], 0),
            f'presign_{case}_us_per_party': figure('us', times, 1),
            f'presign_{case}_bytes_per_party': figure('bytes', [result['bytes'] for result in results], 0)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--signerd', action='append', default=[], metavar='NAME=FILE', help='default: that of the build directory')
    parser.add_argument('--case', action='append', choices=CASES, default=[], help='default: all')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--base-port', type=int, default=25000)
    parser.add_argument('--json', type=pathlib.Path)
    parser.add_argument('--quick', action='store_true', help='one round of 2 s each')
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 2
    build = args.build.resolve()
    binaries = dict(item.split('=', 1) for item in args.signerd) or {'signerd': str(build / 'signerd/signerd')}
    flat = {}
    for case in args.case or CASES:
        results = measure(build, case, binaries, args.rounds, args.seconds, args.base_port,
                          lambda text: print(text, file=sys.stderr, flush=True))
        for name, values in results.items():
            for figure, value in figures(case, values).items():
                flat[figure if len(binaries) == 1 else f'{name}.{figure}'] = value
    for name, figure in flat.items():
        print(f"{name:48} {figure['value']:>10g} {figure['unit']:6} (median of {figure['median_of']}, spread {figure['spread']:g})")
    if args.json:
        args.json.write_text(json.dumps(flat, indent=2) + '\n')


if __name__ == '__main__':
    main()
