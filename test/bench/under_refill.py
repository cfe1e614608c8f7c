"""On-line latency while signers make presignatures at full speed, against the same with pools full and nothing made."""
import time

import live
from figures import Chart, Figure, Goal, Section, Table, percentile

TARGETS = [*live.PROGRAMS, 'test/bench/sign_calls']
RATE = 100
ENDLESS = 100_000  # a target that is not reached while this is measured


def measure(site):
    seconds, quiet, busy = (1.5 if site.quick else 4), [], []
    with live.cluster(site) as idle, live.cluster(site, target=ENDLESS, batch=64) as refilling:
        used = []
        for i in range(site.repetitions):
            site.say(f'{i + 1} of {site.repetitions}')
            live.pause(refilling)
            found = live.sign_calls(site, idle, 1, int(RATE * seconds), '--rate', RATE, '--no-floor')
            quiet.append(found.sign[0])
            live.resume(refilling)
            before, begun = live.background_ns(refilling), time.monotonic_ns()
            found = live.sign_calls(site, refilling, 1, int(RATE * seconds), '--rate', RATE, '--no-floor', idle=False)
            used.append((live.background_ns(refilling) - before) / (time.monotonic_ns() - begun))
            busy.append(found.sign[0])
    rows = [[title, *(percentile([t for b in blocks for t in b], p) / 1e3 for p in (50, 90, 99, 99.9))]
            for title, blocks in (('idle', quiet), ('refilling', busy))]
    before, after = live.of_blocks(quiet, 99), live.of_blocks(busy, 99)
    return Section(
        'Signing while presignatures are made', f'2 of 3, {RATE} sign calls a second, two clusters by turns: one with full pools, and one whose '
        'pools have no end, so that all three signers make batches of 64 all the time.',
        [Figure.of('refill_sign_p99_ms', [t / 1e3 for t in after], 'ms', goal=Goal(at_most=25), text='99th percentile of sign calls during refill at full speed'),
         Figure.of('idle_sign_p99_ms', [t / 1e3 for t in before], 'ms', text='the same with full pools'),
         Figure.of('refill_growth', [a / b for a, b in zip(after, before)], 'ratio', text='growth of the 99th percentile')],
        [Table('Sign calls, milliseconds', ['', 'p50', 'p90', 'p99', 'p99.9'], rows)],
        [Chart('under_refill', 'Sign calls beside refill', 'percentile', 'us', [live.percentile_series('idle', quiet), live.percentile_series('refilling', busy)], log='y')],
        [f'{live.TWO_CORES} Background threads of the three signers took {live.median(used):.2f} of its cores during refill. '
         'The other cluster is stopped (SIGSTOP) while the one with full pools is measured.'])
