"""Sign calls over a slow network between coordinator and signers: what they take beyond one round trip."""
import json
import math
import subprocess
import types

import live
from figures import Figure, Goal, Section, Table, percentile
from servers.cluster import PLAIN

TARGETS = [*live.PROGRAMS, 'test/bench/sign_calls', 'test/bench/delay_line']
RATES = (1, 10, 50, 200)


class DelayLine:
    """Ports that lead to `targets` with a delay; the echo peers of sign_calls are told to it later, by another one."""

    def __init__(self, site, milliseconds, targets):
        self.process = subprocess.Popen([str(site.build / 'test/bench/delay_line'), '--round-trip-us', str(int(milliseconds * 1000)), *map(str, targets)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=PLAIN)
        self.ports = [int(port) for port in self.process.stdout.readline().split()]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def far_provider(made, name, ports):
    path = made.new_frontend(name, deadline_ms=3000)
    config = json.loads(path.read_text())
    for signer, port in zip(config['signers'], ports):
        signer['address'] = f'127.0.0.1:{port}'
    path.write_text(json.dumps(config, indent=2))
    return path


def callers(milliseconds, rate):
    """As many as it takes for none to be late: one call takes a round trip or two."""
    return max(1, math.ceil(2 * rate * milliseconds / 1000))


def paced(site, made, provider, milliseconds, name, rate, blocks, block):
    """Sign calls and bare fan-outs by turns, both through the same kind of delay line."""
    command = [str(site.build / 'test/bench/sign_calls'), *map(str, live.sign_options(made, provider, name)), '--ask-ports', '--threads', str(callers(milliseconds, rate)),
               '--warm-up', str(max(2, min(100, rate))), '--rate', str(rate), '--blocks', str(blocks), '--block', str(block), '--signers', *map(str, live.pids(made))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PLAIN)
    line = None
    try:
        line = DelayLine(site, milliseconds, process.stdout.readline().split())
        text, errors = process.communicate(' '.join(map(str, line.ports)) + '\n', timeout=200)
        if process.returncode != 0:
            raise RuntimeError(f'sign_calls: {errors.strip()}')
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if line:
            line.stop()
    return types.SimpleNamespace(**json.loads(text))


def measure(site):
    trips = (5,) if site.quick else (1, 5, 20)
    rows, figures = [], []
    with live.cluster(site) as made:
        for milliseconds in trips:
            near = DelayLine(site, milliseconds, [made.base + number for number in made.numbers])
            try:
                provider = far_provider(made, f'far{milliseconds}', near.ports)
                for rate in RATES if not site.quick else RATES[1:]:
                    site.say(f'{milliseconds} ms, {rate} calls a second')
                    blocks, block = (3, max(4, min(40, rate))) if site.quick else (5, max(4, min(200, 2 * rate)))
                    found = paced(site, made, provider, milliseconds, f'far{milliseconds}-{rate}', rate, blocks, block)
                    bare = live.of_blocks(found.floor, 50)
                    added = [(sign - echo) / 1e3 for sign, echo in zip(live.of_blocks(found.sign, 50), bare)]
                    every = [t / 1e3 for b in found.sign for t in b]
                    echo = live.median(bare) / 1e3
                    twice = sum(t > 1.7 * echo for t in every) / len(every)
                    rows.append([f'{milliseconds} ms, {rate}/s', len(every), echo, percentile(every, 50), live.median(added), percentile(every, 90),
                                 percentile(every, 99), f'{100 * twice:.1f} %'])
                    figures.append(Figure.of(f'slow_{milliseconds}ms_{rate}_per_s_added_ms', added, 'ms', goal=Goal(at_most=0.5),
                                             text=f'sign call less the bare round trip, {milliseconds} ms network, {rate} calls a second, medians'))
            finally:
                near.stop()
    return Section('Slow network', 'Between coordinator (in the front end, direct mode) and signers lies a network that holds everything back for half of '
                   'the round trip (delay_line.cpp). The bare round trip is a fan-out of messages of the same sizes over another such line, in blocks '
                   'by turns with the sign calls. Signers have no delay among themselves.', figures,
                   [Table('Milliseconds', ['network, pace', 'calls', 'bare p50', 'sign p50', 'added p50', 'sign p90', 'sign p99', 'two round trips or more'], rows)],
                   notes=[f'As many callers take turns as the pace needs. The last column counts calls that took longer than 1.7 bare round trips: they had to wait for a lease first, or for a second '
                          f'attempt. {live.TWO_CORES}'])
