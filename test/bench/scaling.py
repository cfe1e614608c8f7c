"""What a presignature costs a party in larger groups: CPU, bytes, memory."""
import statistics

import google_benchmark
from figures import Chart, Figure, Goal, Line, Section, Series, Table

TARGETS = ['test/bench/bench_run']
GROUPS = [(2, 2), (3, 2), (5, 3), (7, 4), (9, 5), (11, 6), (16, 8), (16, 11)]  # N, T
MORE_MEMBERS = {2: [2, 3, 5, 9, 16], 3: [5, 9, 16]}                            # T -> N
QUICK = [(2, 2), (3, 2), (5, 3), (7, 4), (11, 6)]


def mbit(sent):
    """Mbit/s for 1000 presignatures a second of so many bytes each."""
    return sent * 8 * 1000 / 1e6


def measure(site):
    groups = QUICK if site.quick else GROUPS
    others = [] if site.quick else [(n, t) for t, ns in MORE_MEMBERS.items() for n in ns]
    wanted = '|'.join(sorted({f'{n}/{t}' for n, t in groups + others}))
    found = google_benchmark.run(site, 'run', f'^presign/256/({wanted})/64$', seconds=0.1)
    of = {(n, t): found[f'presign/256/{n}/{t}/64'].counters for n, t in groups + others}
    memory = memory_of(site)

    # N does not matter for a party of a quorum of T: one point per T, so that no T counts twice.
    fitted = {t - 1: of[n, t] for n, t in groups if (n, t) != (2, 2)}
    lines = [Line.through([(x, counters['us'][i]) for x, counters in fitted.items()]) for i in range(len(of[3, 2]['us']))]
    medians = {x: statistics.median(counters['us']) for x, counters in fitted.items()}
    line = Line.through(list(medians.items()))
    wire = Line.through([(x, counters['bytes'][0]) for x, counters in fitted.items()])
    mean = statistics.fmean(medians.values())

    rows = []
    for n, t in groups:
        us, sent = statistics.median(of[n, t]['us']), of[n, t]['bytes'][0]
        rows.append([f'{t} of {n}', us, f"{min(of[n, t]['us']):.0f} .. {max(of[n, t]['us']):.0f}", f'{100 * (us / line.at(t - 1) - 1):+.1f} %',
                     1e6 / us, 1e6 / us * n / t, sent, mbit(sent), mbit(sent) * t])
    section = Section('Scaling', text=f'''
P-256, batches of 64, in process as above, per presignature and party. A party talks to T - 1 others, so the cost is to grow
linearly in T - 1. Least squares over T > 1 give **{line.offset:.0f} us + {line.slope:.0f} us (T - 1)**, root mean square
of the residuals {line.residual:.1f} us ({100 * line.residual / mean:.1f} % of the mean); bytes sent:
**{wire.slope:.0f} (T - 1)**, but for {max(abs(wire.offset), wire.residual):.1f} bytes.''')
    section.figures = [
        Figure.of('scaling_p256_us_per_peer', [each.slope for each in lines], 'us', text='slope of the fit: CPU for one more member of the quorum'),
        Figure.of('scaling_p256_cpu_residual', [each.residual / statistics.fmean(c['us'][i] for c in fitted.values()) for i, each in enumerate(lines)],
                  'ratio', goal=Goal(at_most=0.1), text='what the line in T - 1 leaves unexplained: root mean square of the residuals, of the mean'),
        Figure.of('presign_in_process_p256_3of5_per_core_per_s', [1e6 / us for us in of[5, 3]['us']], '1/s',
                  text='3 of 5: presignatures a second and core of one signer, without links'),
        Figure.of('presign_p256_2of3_mbit_per_1000_handshakes', [mbit(b) for b in of[3, 2]['bytes']], 'Mbit/s',
                  text='sent by each member of the quorum at 1000 handshakes/s, without TLS'),
        Figure.of('presign_memory_growth', [last / first for first, last in zip(memory[1]['peak_bytes'], memory[100]['peak_bytes'])], 'ratio',
                  goal=Goal(at_most=1.1), text='2 of 3: peak of resident memory after 100 batches over that after 1'),
    ]
    section.tables = [
        Table('Per presignature and party; Mbit/s for 1000 handshakes a second',
              ['', 'CPU, us', 'least .. greatest', 'off the line', 'per core and s', 'cluster, one core a signer, per s', 'bytes sent',
               'Mbit/s a member', 'Mbit/s in all'], rows),
        Table('Memory of a process that holds all three parties, 2 of 3, after so many batches of 64, MB', ['batches', 'allocated at the end', 'peak resident'],
              [[str(n), statistics.median(m['allocated_bytes']) / 1e6, statistics.median(m['peak_bytes']) / 1e6] for n, m in memory.items()])]
    section.charts = [
        Chart('scaling_cpu', 'CPU per presignature and party', 'T - 1', 'us',
              [Series('measured', sorted(medians.items())), Series('fit', [(0, line.offset), (max(medians), line.at(max(medians)))], fit=True)]),
        Chart('scaling_bytes', 'Sent per presignature and party', 'T - 1', 'kB', [Series('measured', sorted((x, c['bytes'][0] / 1e3) for x, c in fitted.items()))]),
        Chart('presign_t', 'Presignatures per second and core, batch 64, in process', 'T', '1/s',
              [Series('P-256', [(x + 1, 1e6 / us) for x, us in sorted(medians.items())])])]
    if others:
        section.charts.append(Chart('presign_n', 'Presignatures per second and core by group size, batch 64, in process', 'N', '1/s', [
            Series(f'T = {t}', [(n, 1e6 / statistics.median(of[n, t]['us'])) for n in ns]) for t, ns in MORE_MEMBERS.items()]))
    return section


def memory_of(site):
    """Batches -> counters. A process each time: peaks are of a process."""
    found = {}
    for _ in range(2 if site.quick else 3):
        for batches in (1, 10, 100):
            counters = google_benchmark.run(site, 'run', f'^presign_memory/256/3/2/{batches}/', repetitions=1)
            for name, values in next(iter(counters.values())).counters.items():
                found.setdefault(batches, {}).setdefault(name, []).extend(values)
    return found
