#!/usr/bin/env python3
"""One signer of a cluster lies, in each way that test/system/faulty knows, under a steady load: no handshake may fail.

usage: liars.py --source DIR --build DIR [--port P] [--only TEXT] [--long] [--keep]
TAP output; prints what the honest signers found out, and counts. --long: a minute of every lie."""
import collections
import dataclasses
import signal
import sys
import time

sys.dont_write_bytecode = True
from servers.suite import SteadyLoad, options_of, run_suite, start_nginx  # noqa: E402
from servers.tap import eventually, expect  # noqa: E402

SIGNERS, THRESHOLD = 4, 3
POOL_MIN = 16
RATE = 30


@dataclasses.dataclass(frozen=True)
class Lie:
    """`event` and `reason` are what an honest peer writes into its log; empty where peers cannot notice."""
    name: str
    says: str
    event: str = ''
    reason: str = ''


LIES = (
    Lie('wrong-ot', 'an OT message of presigning that is not consistent', 'dispute', 'OtCheck'),
    Lie('wrong-rvole', 'a wrong message of the multiplication', 'dispute', 'RvoleCheck'),
    Lie('wrong-psi', 'a wrong psi', 'quorum_blocked', 'RowSum'),
    Lie('wrong-u', 'a wrong u', 'quorum_blocked', 'RowMismatch'),
    Lie('wrong-k', 'points that do not add up, rightly signed', 'quorum_blocked', 'RowSum'),
    Lie('two-rows', 'one row to one member and another to the other', 'quorum_blocked', 'RowSum'),
    Lie('wrong-k-sums-hold', 'points that add up and that it cannot open'),
    Lie('wrong-partial', 'a wrong partial signature, and confirms it'),
    Lie('wrong-partial-refuses-confirm', 'a wrong partial signature, and does not confirm it'),
    Lie('wrong-record', 'another public record than its peers'),
)


class Trial:
    def __init__(self, site, nginx, seconds):
        self.site, self.nginx, self.seconds = site, nginx, seconds

    def liar(self, lie):
        """A signer that does not lead all of its quorums: what it forges others have to offer."""
        leads = {number: True for number in self.site.numbers}
        for signer in self.site.status().values():
            for key in signer['keys']:
                for pool in key['pools']:
                    for member in pool['quorum']:
                        leads[member] = leads[member] and pool['leader'] == member
        return next(number for number in reversed(self.site.numbers) if not leads[number])

    def heard(self, liar, lie, since):
        """Which honest signers wrote down what they are expected to find."""
        return [number for number in self.site.numbers if number != liar and any(
            lie.reason in entry.get('reason', '') for entry in self.site.log(number, lie.event)[since[number]:])]

    def run(self, lie):
        site, quorums = self.site, SIGNERS
        liar = self.liar(lie)
        site.stop_signer(liar)
        site.start_signer(liar, fault=lie.name)
        try:
            site.wait_for_pools(quorums, POOL_MIN)
            since = {number: len(site.log(number, lie.event)) for number in site.numbers}
            told = len(site.log(liar, 'lied'))
            with SteadyLoad(site, self.nginx.port, RATE) as load:
                time.sleep(1)
                begun = time.monotonic()
                site.signal_signer(liar, signal.SIGUSR1)
                notes = [f'signer {liar} sends {lie.says}']
                if lie.event:
                    heard = eventually(lambda: self.heard(liar, lie, since), f'an honest signer finds {lie.reason}', 30)
                    notes.append(f'{lie.event}, {lie.reason} at signers {heard} after {time.monotonic() - begun:.1f} s')
                time.sleep(max(4.0, self.seconds - (time.monotonic() - begun)))
                lies = collections.Counter(entry['message'] for entry in site.log(liar, 'lied')[told:])
                expect(lies, f'signer {liar} did not lie')
                notes.append('lies: ' + ', '.join(f'{count} {message}' for message, count in lies.items()))
                notes.append(load.check())
            return '\n'.join(notes)
        finally:
            self.make_honest(liar)

    def make_honest(self, liar):
        """The disputes are cleared as an operator does it who has found the cause."""
        for number in self.site.numbers:
            self.site.stop_signer(number)
        for number in self.site.numbers:
            (self.site.dir / f'signer-{number}/state/disputes.json').unlink(missing_ok=True)
            self.site.start_signer(number)
        self.site.wait_for_pools(SIGNERS, POOL_MIN)


def main():
    options = options_of(__doc__)

    def body(site, test):
        nginx = start_nginx(site)
        try:
            trial = Trial(site, nginx, 60 if options.long else 6)
            for lie in LIES:
                test(f'{lie.name}: no handshake fails', lambda lie=lie: trial.run(lie))
        finally:
            nginx.stop()
    # A lie costs other attempts; that they are quick is another test's business.
    return run_suite(options, body, deadline_ms=1000, signers=SIGNERS, threshold=THRESHOLD)


if __name__ == '__main__':
    sys.exit(main())
