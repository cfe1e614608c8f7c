#!/usr/bin/env python3
"""One signer of a cluster lies, in each way that test/system/faulty knows, under a steady load: no handshake may fail, who
can be named is named to everybody, with evidence that convinces anybody, and nobody else ever is.

usage: liars.py --source DIR --build DIR [--port P] [--of-four] [--only TEXT] [--long] [--keep]
2 of 3 signers sign; --of-four: 3 of 4, and the lies that need so many. TAP output; prints what was found out, and counts.
--long: a minute of every lie."""
import base64
import collections
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from servers.cluster import PLAIN  # noqa: E402
from servers.suite import SteadyLoad, options_of, run_suite, start_nginx  # noqa: E402
from servers.tap import eventually, expect  # noqa: E402

POOL_MIN = 16
RATE = 40
EDITS = 24   # places at which evidence is changed, one at a time


@dataclasses.dataclass(frozen=True)
class Lie:
    """`event` and `reason` are what an honest peer writes into its log, `told` what the front end does; empty where they
    cannot notice. `named`: the kind of evidence that everybody gets; none where the protocol cannot tell who it was."""
    name: str
    says: str
    event: str = ''
    reason: str = ''
    told: str = ''
    named: str = ''


OF_THREE = (
    Lie('wrong-ot', 'an OT message of presigning that is not consistent', 'dispute', 'OtCheck', named='disputes'),
    Lie('wrong-rvole', 'a wrong message of the multiplication', 'dispute', 'RvoleCheck', named='disputes'),
    Lie('wrong-psi', 'a wrong psi', 'quorum_blocked', 'RowSum'),
    Lie('wrong-u', 'a wrong u', 'quorum_blocked', 'RowMismatch'),
    Lie('wrong-k', 'points that do not add up, rightly signed', 'quorum_blocked', 'RowSum'),
    Lie('wrong-k-sums-hold', 'points that add up and that it cannot open', told='confirmed="yes"', named='bad-partial'),
    Lie('wrong-partial', 'a wrong partial signature, and confirms it', told='confirmed="yes"', named='bad-partial'),
    Lie('wrong-partial-refuses-confirm', 'a wrong partial signature, and does not confirm it', told='confirmed="no"'),
    Lie('wrong-record', 'another public record than its peers', told='confirmed="no"'),
)
OF_FOUR = (Lie('two-rows', 'one row to one member and another to the other', 'quorum_blocked', 'RowSum'),)


class Trial:
    def __init__(self, site, seconds):
        self.site, self.seconds = site, seconds
        self.quorums = len(site.pools())
        self.evidence = site.top / 'evidence'
        self.provider = site.new_frontend('watchful', deadline_ms=1000, evidence=str(self.evidence))

    def liar(self):
        """A signer that does not lead all of its quorums: what it forges others have to offer."""
        leads = {number: True for number in self.site.numbers}
        for signer in self.site.status().values():
            for key in signer['keys']:
                for pool in key['pools']:
                    for member in pool['quorum']:
                        leads[member] = leads[member] and pool['leader'] == member
        return next(number for number in reversed(self.site.numbers) if not leads[number])

    def honest(self, liar):
        return [number for number in self.site.numbers if number != liar]

    def heard(self, liar, lie, since):
        """Which honest signers wrote down what they are expected to find."""
        return [number for number in self.honest(liar) if any(
            lie.reason in entry.get('reason', '') for entry in self.site.log(number, lie.event)[since[number]:])]

    def quarantines(self, liar):
        """What each honest signer tells about everybody: {signer: {who is in quarantine: evidence}}."""
        text = subprocess.run([str(self.site.quorate), '--json', 'quarantine', 'list', '--config',
                               str(self.site.dir / 'admin/provider.json')], env=PLAIN, stdout=subprocess.PIPE, timeout=60,
                              check=False).stdout.decode()
        return {signer['id']: {entry['signer']: base64.b64decode(entry['evidence']) for entry in signer.get('quarantine', [])}
                for signer in json.loads(text)['signers'] if signer['id'] != liar}

    # ---- evidence ----

    def verify(self, path):
        done = subprocess.run([str(self.site.quorate), '--json', 'blame', 'verify', str(path), '--group',
                               str(self.site.dir / 'group.json')], env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=30, check=False)
        return done.returncode, done.stdout.decode()

    def as_file(self, liar, lie, evidence):
        """The evidence as people keep it. That of a partial the front end has written itself."""
        if lie.named == 'bad-partial':
            files = sorted(self.evidence.glob('*.json'))
            expect(files, 'the front end has kept no evidence')
            return files[0]
        key = next(iter(self.site.status().values()))['keys'][0]
        path = self.site.top / f'{lie.name}.json'
        path.write_text(json.dumps({'kind': lie.named, 'cluster': 'demo', 'culprit': liar, 'key': key['key'], 'epoch': key['epoch'],
                                    'evidence': base64.b64encode(evidence).decode()}))
        return path

    def cannot_be_edited(self, path, liar):
        """Whoever changes the evidence proves nothing with it, and nothing against an honest signer."""
        original = json.loads(path.read_text())
        edited = self.site.top / 'edited.json'
        edits = [{**original, 'culprit': number} for number in self.honest(liar)]
        raw = base64.b64decode(original['evidence'])
        for edit in range(EDITS):
            changed = bytearray(raw)
            changed[edit * (len(raw) - 1) // (EDITS - 1)] ^= 1
            edits.append({**original, 'evidence': base64.b64encode(changed).decode()})
        for number, edit in enumerate(edits):
            edited.write_text(json.dumps(edit))
            status, text = self.verify(edited)
            expect(status == 1, f'edit {number} of {path}: status {status}: {text}')
        return len(edits)

    def is_named(self, liar, lie):
        eventually(lambda: all(liar in held for held in self.quarantines(liar).values()),
                   'every honest signer has the liar in quarantine', 20)
        path = self.as_file(liar, lie, next(iter(self.quarantines(liar).values()))[liar])
        status, text = self.verify(path)
        expect(status == 0 and json.loads(text)['culprit'] == liar and json.loads(text)['kind'] == lie.named,
               f'the evidence does not prove it: {text}')
        return (f'named to signers {self.honest(liar)}; quorate blame verify: {lie.named}, signer {liar}; '
                f'{self.cannot_be_edited(path, liar)} edits of it prove nothing')

    # ---- one lie ----

    def run(self, lie):
        site = self.site
        shutil.rmtree(self.evidence, ignore_errors=True)
        self.evidence.mkdir()
        self.evidence.chmod(0o777)  # the workers of nginx are another user
        liar = self.liar()
        site.stop_signer(liar)
        site.start_signer(liar, fault=lie.name)
        nginx = None
        try:
            site.wait_for_pools(self.quorums, POOL_MIN)
            nginx = start_nginx(site, self.provider)
            since = {number: len(site.log(number, lie.event)) for number in site.numbers}
            before = len(site.log(liar, 'lied'))
            with SteadyLoad(site, nginx.port, RATE) as load:
                time.sleep(1)
                begun = time.monotonic()
                site.signal_signer(liar, signal.SIGUSR1)
                notes = [f'signer {liar} sends {lie.says}']
                if lie.event:
                    heard = eventually(lambda: self.heard(liar, lie, since), f'an honest signer finds {lie.reason}', 30)
                    notes.append(f'{lie.event}, {lie.reason} at signers {heard} after {time.monotonic() - begun:.1f} s')
                if lie.told:
                    eventually(lambda: f'signer {liar}' in nginx.logs() and lie.told in nginx.logs(), f'the front end says {lie.told}', 30)
                    notes.append(f'the front end: {lie.told} after {time.monotonic() - begun:.1f} s')
                time.sleep(max(3.0, self.seconds - (time.monotonic() - begun)))
                notes.append(load.check())
            lies = collections.Counter(entry['message'] for entry in site.log(liar, 'lied')[before:])
            expect(lies, f'signer {liar} did not lie')
            notes.append('lies: ' + ', '.join(f'{count} {message}' for message, count in lies.items()))
            if lie.named:
                notes.append(self.is_named(liar, lie))
            held = self.quarantines(liar)
            innocent = {number for entries in held.values() for number in entries} - ({liar} if lie.named else set())
            expect(not innocent, f'in quarantine without having been caught: {innocent}')
            return '\n'.join(notes)
        finally:
            if nginx:
                nginx.stop()
            self.forget()

    def forget(self):
        """As if nothing had been: the way that is meant for people is a refresh and `quorate quarantine clear`."""
        for number in self.site.numbers:
            if number in self.site.signers:
                self.site.stop_signer(number)
        for number in self.site.numbers:
            state = self.site.dir / f'signer-{number}/state'
            (state / 'disputes.json').unlink(missing_ok=True)
            shutil.rmtree(state / 'quarantine', ignore_errors=True)
            self.site.start_signer(number)
        self.site.wait_for_pools(self.quorums, POOL_MIN)


def main():
    options = options_of(__doc__, ('--of-four', 'a cluster of four signers, three of which sign'))

    def body(site, test):
        trial = Trial(site, 60 if options.long else 5)
        for lie in OF_FOUR if options.of_four else OF_THREE:
            test(f'{lie.name}: no handshake fails, {"named" if lie.named else "nobody named"}', lambda lie=lie: trial.run(lie))
    # A lie costs other attempts; that they are quick is another test's business.
    return run_suite(options, body, deadline_ms=1000, **({'signers': 4, 'threshold': 3} if options.of_four else {}))


if __name__ == '__main__':
    sys.exit(main())
