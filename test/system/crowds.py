#!/usr/bin/env python3
"""Many front ends at once, one that floods, and signers of different versions.

usage: crowds.py --source DIR --build DIR [--port P] [--only TEXT] [--keep]
TAP output; prints counts and latencies."""
import json
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from servers.cluster import PLAIN  # noqa: E402
from servers.suite import SteadyLoad, options_of, run_suite, start_nginx  # noqa: E402
from servers.tap import eventually, expect  # noqa: E402

ORDINARY = ['tls13-server-certificate-verify', 'tls12-server-key-exchange']
POOL_MIN, POOL_TARGET = 16, 64   # an idle key keeps the least only
FLOOD_RATE = 20


def prepare(site):
    """A policy with a limit for one front end, and the pools that the many have to share."""
    for number in site.numbers:
        site.edit_signer(number, pool={'min': POOL_MIN, 'target': POOL_TARGET}, policy=[
            {'who': 'frontend/flood', 'keys': ['*'], 'contexts': ORDINARY, 'rate': FLOOD_RATE},
            {'who': 'frontend/*', 'keys': ['*'], 'contexts': ORDINARY},
            {'who': 'admin/*', 'keys': ['*'], 'contexts': ['pkcs10-certification-request'], 'keygen': True}])
    site.restart_all()


def ask(site, rates, seconds, deadline_ms=200):
    """Runs front ends {provider.json: rate}; what each of them counted."""
    done = subprocess.run([str(site.build / 'test/system/frontends'), '--key', str(site.dir / 'frontend/key.pem'), '--seconds',
                           str(seconds), '--deadline', str(deadline_ms), *(f'{path}={rate}' for path, rate in rates.items())],
                          env=PLAIN, capture_output=True, text=True, timeout=seconds + 120, check=False)
    expect(done.returncode == 0, done.stdout + done.stderr)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    expect(len(reports) == len(rates), f'{len(reports)} of {len(rates)} front ends reported\n{done.stderr}')
    for report in reports:
        expect(report['unanswered'] == 0, f'requests without an answer: {report}')
    return dict(zip(rates, reports))


def in_one_line(report):
    return (f"{report['signed']} of {report['asked']} signed, failed {report['failed']}, median {report['p50_ms']:.1f} ms, "
            f"p99 {report['p99_ms']:.1f} ms")


def many_coordinators(site, seconds):
    """The idle ones sign once, within the first second, and then hold nothing that the busy ones need."""
    paths = [site.new_frontend(f'crowd{number}') for number in range(64)]
    site.wait_for_pools(3, POOL_TARGET)
    rates = {path: 25 if number < 4 else 0 for number, path in enumerate(paths)}
    reports = ask(site, rates, seconds, deadline_ms=1000)
    busy, idle = [reports[path] for path in paths[:4]], [reports[path] for path in paths[4:]]
    notes = [f'busy {number}: {in_one_line(report)}' for number, report in enumerate(busy, 1)]
    notes.append(f"60 idle: {sum(report['signed'] for report in idle)} of {sum(report['asked'] for report in idle)} signed")
    for report in busy:
        expect(not report['failed'], f"a busy coordinator had failures, first: {report['first_failure']}\n" + '\n'.join(notes))
        expect(report['asked'] > 20 * seconds, 'the busy coordinators were not busy\n' + '\n'.join(notes))
    expect(all(report['signed'] == 1 for report in idle), 'an idle coordinator did not get its one signature\n' + '\n'.join(
        [*notes, *(report['first_failure'] for report in idle if report['failed'])]))
    return '\n'.join(notes)


def flood(site):
    paths = {name: site.new_frontend(name) for name in ('flood', 'quiet1', 'quiet2')}
    site.wait_for_pools(3, POOL_MIN)
    seconds = 10
    reports = ask(site, {paths['flood']: 300, paths['quiet1']: 30, paths['quiet2']: 30}, seconds)
    flooding, quiet = reports[paths['flood']], [reports[paths['quiet1']], reports[paths['quiet2']]]
    notes = [f'rate limit {FLOOD_RATE}/s, asked for 300/s: {in_one_line(flooding)}; failures took {flooding["failed_p99_ms"]:.1f} ms (p99)']
    notes += [f'quiet: {in_one_line(report)}' for report in quiet]
    text = '\n'.join(notes)
    # A few may be under way when the rate is used up.
    expect(set(flooding['failed']) <= {'Overloaded', 'DeadlineExceeded'}, f"unexpected: {flooding['first_failure']}\n{text}")
    expect(flooding['failed'].get('Overloaded', 0) > 0.95 * sum(flooding['failed'].values()), f'not all are told that they ask too much\n{text}')
    # Each signer counts by itself, and each signature needs two of three.
    expect(flooding['signed'] <= 1.5 * FLOOD_RATE * (seconds + 2), f'more signatures than the limit allows\n{text}')
    for report in quiet:
        expect(not report['failed'], f"others were harmed: {report['first_failure']}\n{text}")
    return text


def versions(site):
    """Signers that speak 1 to 2 beside one that speaks 1 only; then one that speaks nothing but 2."""
    for number in site.numbers:  # one quorum that is left alone lives on its pool until its first batch comes
        site.edit_signer(number, pool={'min': 64, 'target': 192})
        site.stop_signer(number)
        site.start_signer(number, versions='' if number == 1 else '1..2')
        eventually(site.mesh_is_whole, 'all signers are linked', 20)
    site.wait_for_pools(3, 64)
    made = len(site.log(1, 'peer_up'))
    nginx = start_nginx(site)
    try:
        with SteadyLoad(site, nginx.port, 50) as load:
            time.sleep(6)
            site.wait_for_pools(3, POOL_MIN)
            mixed = load.check()
        used = site.audit()
        expect({1, 2, 3} <= {number for entry in used if entry['outcome'] == 'signed' for number in entry['quorum']},
               'not all quorums have signed')
        site.stop_signer(3)
        site.start_signer(3, versions='2..2')
        with SteadyLoad(site, nginx.port, 50) as load:
            def refused(number, peer, theirs, ours):
                told = f'it speaks {theirs} to {theirs}, we speak {ours} to {ours}'
                return any(told in entry['text'] and f'signer {peer}' in entry['text'] for entry in site.log(number, 'link'))
            eventually(lambda: refused(1, 3, 2, 1) and refused(3, 1, 1, 2), 'both ends say which versions they speak', 15)
            time.sleep(3)
            alone = load.check()
        expect(site.status()[1]['linked'] == [2], f'signer 1 is linked to {site.status()[1]["linked"]}')
    finally:
        nginx.stop()
        site.stop_signer(3)
        site.start_signer(3)
    return f'1..1 with 1..2, {made} links of signer 1: {mixed}\n2..2 refused by 1..1 and the other way round: {alone}'


def main():
    options = options_of(__doc__)

    def body(site, test):
        test('64 coordinators on pools of 64, 60 of them idle: the busy four want for nothing',
             lambda: many_coordinators(site, 60 if options.long else 12))
        test('a front end beyond its rate gets Overloaded, others notice nothing', lambda: flood(site))
        test('mixed versions work together, presigning included; no common version is refused on both sides', lambda: versions(site))
    return run_suite(options, body, prepare)


if __name__ == '__main__':
    sys.exit(main())
