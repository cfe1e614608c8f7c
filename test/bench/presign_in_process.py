"""Presigning in one thread: all that a signer does for it but links. How it depends on the batch, and on the curve."""
import google_benchmark
from figures import Chart, Figure, Section, Series, Table

TARGETS = ['test/bench/bench_run']
CURVES = {'P-256': 256, 'P-384': 384}
BATCHES = [1, 2, 4, 8, 16, 32, 64]


def measure(site):
    sizes = BATCHES[::3] if site.quick else BATCHES
    found = google_benchmark.run(site, 'run', f"^presign/(256|384)/3/2/({'|'.join(map(str, sizes))})$", seconds=0.05 if site.quick else 0.2)
    section = Section('Presigning in process', text='''
2 of 3, all members in one thread, every message encoded and decoded; one party's CPU is its part of the time. What
is left out, compared with real signers, is links: TLS, sockets, threads.''')
    rows, lines = [], []
    for curve, bits in CURVES.items():
        points = []
        for batch in sizes:
            us = Figure.of(f'presign_in_process_p{bits}_2of3_batch{batch}_us_per_party', found[f'presign/{bits}/3/2/{batch}'].counters['us'], 'us')
            sent = found[f'presign/{bits}/3/2/{batch}'].counters['bytes'][0]
            points.append((batch, 1e6 / us.value))
            rows.append([curve, str(batch), us.value, f'{us.spread[0]:.0f} .. {us.spread[1]:.0f}', 1e6 / us.value, sent])
        lines.append(Series(curve, points))
        whole = found[f'presign/{bits}/3/2/64'].counters
        section.figures += [
            Figure.of(f'presign_in_process_p{bits}_2of3_per_core_per_s', [1e6 / us for us in whole['us']], '1/s',
                      text=f'{curve}, batch 64: presignatures a second and core of one signer, without links'),
            Figure.of(f'presign_in_process_p{bits}_2of3_bytes_per_party', whole['bytes'], 'bytes',
                      text=f'{curve}, batch 64: what a party sends for one presignature, with frame headers, without TLS')]
    section.tables = [Table('By the size of the batch, per presignature and party',
                            ['curve', 'batch', 'CPU, us', 'least .. greatest', 'per core and second', 'bytes sent'], rows)]
    section.charts = [Chart('presign_batch', 'Presignatures per second and core, 2 of 3, in process', 'presignatures in a batch', '1/s',
                            lines, log='x')]
    return section
