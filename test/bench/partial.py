"""One on-line request at a signer, and the coordinator's arithmetic for it."""
import statistics

import google_benchmark
from figures import Figure, Goal, Section, Table

TARGETS = ['test/bench/bench_signer', 'test/bench/bench_presign']


def measure(site):
    signer = google_benchmark.run(site, 'signer', '^partial', seconds=0.05)
    bare = google_benchmark.run(site, 'presign', '^(partial_signature|partial_verification|combine_and_verify)/', seconds=0.05)
    us = {name: [ns / 1e3 for ns in measured.cpu_ns] for name, measured in (signer | bare).items()}
    section = Section("A signer's own work", text='''
CPU of one thread from a request's payload to its reply's payload: decoding, policy, the content's form, the presignature taken out of its
pool, the partial signature, what is kept for repetitions, the reply. Without TLS; without the audit's line, except where that is named.''')
    section.figures = [
        Figure.of('partial_p256_us', us['partial/256/0'], 'us', goal=Goal(at_most=20), text='a request answered by signerd'),
        Figure.of('partial_p384_us', us['partial/384/0'], 'us', text='the same on P-384'),
        Figure.of('partial_p256_with_lease_us', us['partial/256/1'], 'us', text='the same, and a lease renewed with it'),
        Figure.of('partial_p256_with_audit_us', us['partial_audited/256/0'], 'us', text="the same, and the audit's line written to /dev/null")]
    middle = {name: statistics.median(values) for name, values in us.items()}
    section.tables = [Table('Bare arithmetic, CPU, us', ['', 'P-256', 'P-384'], [
        [what, *(middle[name.format(bits)] for bits in (256, 384))] for name, what in (
            ('partial_signature/{}', 'signer: partial signature'),
            ('combine_and_verify/{}/0', 'coordinator: two partials combined and verified under X, in lanes where the processor has them'),
            ('combine_and_verify/{}/1', 'the same in words'),
            ('partial_verification/{}', 'coordinator, only after a failure: one partial checked against its record'))])]
    return section
