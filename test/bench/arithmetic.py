"""The costs under every other number: scalars, points, OT extension, RVOLE."""
import statistics

import google_benchmark
from figures import Section, Table

TARGETS = ['test/bench/bench_group', 'test/bench/bench_ot']

GROUP = [('scalar_multiply', 'scalar times scalar'), ('scalar_invert', 'scalar inverted'), ('inner_product', 'inner product of one multiplication'),
         ('base_multiply', 'secret times base point'), ('point_multiply', 'secret times any point'),
         ('point_multiply_var', 'public times any point')]


def measure(site):
    names = '|'.join(name for name, _ in GROUP)
    found = google_benchmark.run(site, 'group', f'^({names})/', seconds=0.05)
    rows = [[what, *(statistics.median(found[f'{name}/{bits}'].cpu_ns) / 1e3 for bits in (256, 384))] for name, what in GROUP]
    return Section('Arithmetic', tables=[Table('CPU, us', ['', 'P-256', 'P-384'], rows)])
