"""The costs under every other number: scalars, points, OT extension, RVOLE; and which of them dominate a presignature."""
import statistics

import google_benchmark
from figures import Figure, Section, Table

TARGETS = ['test/bench/bench_group', 'test/bench/bench_ot', 'test/bench/bench_presign', 'test/bench/bench_run']

GROUP = {  # benchmark -> what, divided by
    'scalar_multiply': ('scalar x scalar', 1),
    'scalar_invert': ('scalar inverted', 1),
    'inner_product': ('inner product of one multiplication (416 or 544 terms)', 1),
    'base_multiply': ('secret scalar x base point', 1),
    'point_multiply': ('secret scalar x any point', 1),
    'base_multiply_each_64': ('secret scalar x base point, 64 at a time, each', 64),
    'point_multiply_twice_each_64': ('two secret scalars x the same point, 64 at a time, each', 64),
    'point_multiply_var': ('public scalar x any point', 1),
    'double_multiply_var': ('public: a G + b P', 1),
    'multi_multiply_var_64': ('public: sum of 64 products, each', 64),
    'point_add': ('point + point', 1),
    'point_decode': ('point decoded', 1),
    'encode_all_64': ('64 points encoded, each', 64),
    'hash_to_point': ('hash to curve', 1),
}
OT = {
    'ot_extend_receiver': 'OT extension, receiver, of 64 multiplications, each',
    'ot_extend_sender': 'OT extension, sender, of 64 multiplications, each',
    'ot_hash_receiver': 'OTs of one multiplication hashed',
    'rvole_send': 'RVOLE, sender, one multiplication',
    'rvole_receive': 'RVOLE, receiver, one multiplication',
    'rvole_chi': "RVOLE, receiver's input from its choices",
}
BITS = (256, 384)
OTS = {256: 416, 384: 544}  # in one multiplication: SPEC 0, xi


def measure(site):
    seconds = 0.02 if site.quick else 0.1
    group = google_benchmark.run(site, 'group', f"^({'|'.join(GROUP)})/", seconds)
    ot = google_benchmark.run(site, 'ot', f"^({'|'.join(OT)})/", seconds)
    rounds = google_benchmark.run(site, 'presign', '^presign_batch/(256|384)/64$', seconds)
    whole = google_benchmark.run(site, 'run', '^presign/(256|384)/3/2/64$', seconds)
    us = {('rounds', bits): rounds[f'presign_batch/{bits}/64'].counters['us_per_presignature_and_party'] for bits in BITS}
    us |= {('whole', bits): whole[f'presign/{bits}/3/2/64'].counters['us'] for bits in BITS}
    for name, (_, parts) in GROUP.items():
        us.update({(name, bits): [ns / 1e3 / parts for ns in group[f'{name}/{bits}'].cpu_ns] for bits in BITS})
    for name in OT:
        parts = 64 if name.startswith('ot_extend') else 1
        us.update({(name, bits): [ns / 1e3 / parts for ns in ot[f'{name}/{bits}'].cpu_ns] for bits in BITS})
    middle = {key: statistics.median(samples) for key, samples in us.items()}

    section = Section('Arithmetic')
    for bits in BITS:
        section.figures += [Figure.of(f'{name}_p{bits}_us', us[name, bits], 'us', text=f'P-{bits}: {GROUP[name][0]}')
                            for name in ('scalar_multiply', 'scalar_invert', 'base_multiply', 'point_multiply')]
        section.figures.append(Figure.of(f'ot_extension_p{bits}_ns_per_ot',
                                         [1e3 * (a + b) / OTS[bits] for a, b in zip(us['ot_extend_receiver', bits], us['ot_extend_sender', bits])],
                                         'ns', text=f'P-{bits}: one OT extended, both sides'))
        section.figures.append(Figure.of(f'rvole_p{bits}_us', [a + b for a, b in zip(us['rvole_send', bits], us['rvole_receive', bits])], 'us',
                                         text=f'P-{bits}: one multiplication, both sides, after its OTs'))
    rows = [[what, *(middle[name, bits] for bits in BITS)] for name, (what, _) in GROUP.items()]
    rows += [[what, *(middle[name, bits] for bits in BITS)] for name, what in OT.items()]
    section.tables = [Table('CPU, us', ['', 'P-256', 'P-384'], rows), parts_of_a_presignature(middle)]
    section.notes = [what_dominates(section.tables[1])]
    return section


def parts_of_a_presignature(middle):
    """Of a party of 2 of 3. Towards its one peer it is sender of one multiplication and receiver of another; it makes R_i,
    pk_i and two Gammas, then K_i and C_i."""
    parts = {'OT extension': ('ot_extend_receiver', 'ot_extend_sender'), 'RVOLE': ('rvole_send', 'rvole_receive', 'rvole_chi'),
             'secret scalars times points': ('base_multiply_each_64',) * 4 + ('point_multiply_twice_each_64',)}
    sums = {what: [sum(middle[name, bits] for name in names) for bits in BITS] for what, names in parts.items()}
    totals, rounds = ([middle[name, bits] for bits in BITS] for name in ('whole', 'rounds'))
    sums['public checks of points, encoding of points, digests'] = [total - sum(each) for total, *each in zip(rounds, *sums.values())]
    sums["messages encoded and decoded, the system's randomness"] = [total - part for total, part in zip(totals, rounds)]
    sums['a whole presignature'] = totals
    return Table('Of a presignature, 2 of 3, batch 64, in process, CPU of one party, us; the fourth row is what the rounds alone take '
                 'beyond the first three, the fifth what the machines take beyond the rounds', ['', 'P-256', '', 'P-384', ''],
                 [[what, *(cell for value, total in zip(values, totals) for cell in (value, f'{100 * value / total:.0f} %'))]
                  for what, values in sums.items()])


def what_dominates(parts):
    """The sentence about P-384."""
    *each, whole = parts.rows
    most = max(each, key=lambda row: row[3])
    return (f'A presignature on P-384 costs {whole[3] / whole[1]:.1f} times one on P-256. What dominates is: {most[0]}, {most[4]} of it '
            f'({most[2]} on P-256).')
