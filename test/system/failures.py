#!/usr/bin/env python3
"""Signers that are killed, stopped, restarted and slow, and coordinators that die, under a steady load of handshakes: none
may fail.

usage: failures.py --source DIR --build DIR [--port P] [--only TEXT] [--long] [--keep]
TAP output; prints counts and latencies. --long: ten minutes of faults instead of one."""
import json
import signal
import sys
import time

sys.dont_write_bytecode = True
from servers.slow_network import SlowNetwork  # noqa: E402
from servers.suite import SteadyLoad, greatest_rate, options_of, run_suite, start_nginx  # noqa: E402
from servers.tap import Failure, expect  # noqa: E402
from servers.tier import Tier  # noqa: E402

# What one quorum lives on until its refill comes, when it suddenly has to do alone what three did: more than half a
# second at the rates here. A batch takes as long on a machine whose cores are busy with handshakes and set-ups.
POOL_MIN, POOL_TARGET = 64, 192
DOWN = 5        # seconds that a signer is away
EXTRA_LOAD = 1.1   # presignatures spent for each signature while one signer is slow, at most
SLOW = 0.1      # seconds by which a slow signer's answers are late


class Faults:
    """One after the other, each when all quorums that are live have their minimum again."""

    def __init__(self, site):
        self.site, self.count = site, 0

    def recovered(self, live):
        quorums = live * (live - 1) // 2
        begun = time.monotonic()
        self.site.wait_for_pools(quorums, POOL_MIN)
        return time.monotonic() - begun

    def killed(self, number):
        self.site.stop_signer(number, signal.SIGKILL)
        time.sleep(DOWN)
        self.recovered(2)
        self.site.start_signer(number)
        return self.recovered(3)

    def stopped(self, number):
        self.site.signal_signer(number, signal.SIGSTOP)
        time.sleep(DOWN)
        self.recovered(2)
        self.site.signal_signer(number, signal.SIGCONT)
        return self.recovered(3)

    def restarted(self, number):
        self.site.stop_signer(number)
        self.site.start_signer(number)
        return self.recovered(3)


def signers_fail(site, seconds):
    nginx = start_nginx(site)
    try:
        greatest, measured = greatest_rate(site, nginx.port, POOL_TARGET * 3 // 4)
        site.wait_for_pools(3, POOL_MIN)
        rate = max(100, round(0.3 * greatest))
        notes = [f"greatest rate {greatest:.0f}/s ({measured['done']} handshakes, {measured['failed']} failed)"]
        faults, begun, rounds = Faults(site), time.monotonic(), 0
        with SteadyLoad(site, nginx.port, rate) as load:
            time.sleep(2)
            while rounds == 0 or time.monotonic() - begun < seconds:
                for what, number in (('killed', rounds % 3 + 1), ('stopped', (rounds + 1) % 3 + 1), ('restarted', (rounds + 2) % 3 + 1)):
                    at = time.monotonic() - begun
                    took = getattr(faults, what)(number)
                    notes.append(f'{at:5.1f} s: signer {number} {what}; all pools at their minimum {took:.1f} s after it was back')
                rounds += 1
        try:
            notes.append(load.check())
        except Failure as failure:
            raise Failure('\n'.join([*notes, str(failure)])) from None
        return '\n'.join(notes)
    finally:
        nginx.stop()


def spent(site):
    """Presignatures that at least one signer has answered for."""
    time.sleep(1.2)  # audits are flushed every second
    return {entry['presignature'] for entry in site.audit() if entry['outcome'] in ('signed', 'repeated')}


def slow_signer(site, seconds):
    """Its answers begin to be late in the middle of the load."""
    network = SlowNetwork({number: site.base + number for number in site.numbers}, 0)
    try:
        path = site.new_frontend('far', deadline_ms=200)
        config = json.loads(path.read_text())
        for signer in config['signers']:
            signer['address'] = f"127.0.0.1:{network.ports[signer['id']]}"
        path.write_text(json.dumps(config, indent=2))
        notes = []
        for number in site.numbers:
            site.wait_for_pools(3, POOL_MIN)
            nginx = start_nginx(site, path)
            network.delays.clear()
            try:
                before = spent(site)
                with SteadyLoad(site, nginx.port, 100) as load:
                    time.sleep(3)
                    network.delays[number] = SLOW / 2
                    time.sleep(seconds)
                    line, result = load.check(), load.finish()
            finally:
                nginx.stop()
            used = len(spent(site) - before)
            notes.append(f"signer {number} {SLOW * 1000:.0f} ms late: {line}; {used} presignatures spent, "
                         f"{used / result['done']:.3f} for each")
            expect(result['p99_ms'] < SLOW * 1000, f"the slow signer was waited for, by second {result['slow_by_second']}\n{notes[-1]}")
            expect(used <= EXTRA_LOAD * result['done'] + 10, f'too many presignatures\n{notes[-1]}')
        return '\n'.join(notes)
    finally:
        network.stop()


def coordinators_die(site, seconds):
    """One of two every five seconds, in turn; each is back two seconds later."""
    tier = Tier(site)
    nginx = start_nginx(site, tier.provider_json)
    try:
        time.sleep(1)
        site.wait_for_pools(3, POOL_MIN)
        before, kills = spent(site), 0
        begun = time.monotonic()
        with SteadyLoad(site, nginx.port, 100) as load:
            time.sleep(3)
            while time.monotonic() - begun < seconds:
                number = kills % 2 + 1
                tier.kill(number)
                kills += 1
                time.sleep(2)
                tier.start(number)
                time.sleep(3)
            line, result = load.check(), load.finish()
        used = len(spent(site) - before)
        limit = 1.05 * result['done'] + kills * nginx.worker_count
        notes = f"{kills} coordinators killed: {line}; {used} presignatures spent, at most {limit:.0f} allowed"
        expect(used <= limit, notes)
        return notes
    finally:
        nginx.stop()
        tier.stop()


def prepare(site):
    for number in site.numbers:
        site.edit_signer(number, pool={'min': POOL_MIN, 'target': POOL_TARGET})
    site.restart_all()


def main():
    options = options_of(__doc__)

    def body(site, test):
        test('one signer killed, one stopped, one restarted, in turn: no handshake fails',
             lambda: signers_fail(site, 600 if options.long else 60))
        test('two coordinators, one killed every 5 s: no handshake fails, and hardly a presignature is lost',
             lambda: coordinators_die(site, 120 if options.long else 30))
        test('one signer of three answers late: few wait for it, and it costs few presignatures',
             lambda: slow_signer(site, 60 if options.long else 7))
    return run_suite(options, body, prepare)


if __name__ == '__main__':
    sys.exit(main())
