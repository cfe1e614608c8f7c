"""Time inside the provider's sign call, against a bare mTLS fan-out, and the latency table of workflow.md."""
import live
import latency_table
from figures import Chart, Figure, Goal, Section, Table, percentile

TARGETS = [*live.PROGRAMS, 'signerd/coordinatord', 'test/bench/sign_calls', 'test/bench/socket_clock.so']

TEXT = """2 of 3, P-256, direct mode, everything on this host, pools filled. A sign call is what libssl makes of a CertificateVerify:
`EVP_DigestSign` of {content} bytes through `quorate.so`, on the caller's thread. The floor is a fan-out over mutual TLS 1.3 with the same Asio,
cipher and message sizes ({request} bytes out, {reply} back, {record} more for a TLS record) to as many processes that do nothing but answer.
Blocks of both alternate in one run."""

MISSED = """perf: of the caller's CPU 79 % is in the kernel: 54 % sends, two thirds of that the interrupt that wakes a signer's processor, 14 % waits, 8 % receives; 7 % is
verification (60 us before there was a table of X, 5 now), the rest choosing, TLS, Asio and memory. A signer spends 31 to 35 us a request, half of it in the kernel, 3 in its answer and
audit line. Three processes share two processors: as a rule the second signer's work follows the caller's on the same one, so that each of these times is felt in full, while
the floor's peers do nothing and keep their caches. Paced like a real server's calls the ratio is smaller (the table's rows at 50 and 200 a second). Next: fewer handlers between
reading a request and answering it; one wait for both answers."""
MISSED_P99 = """Pools are refilled by threads of the same two processors as soon as a block has taken from them, in slices of milliseconds; the floor's processes have no such work."""


def distribution(found, what):
    rows = []
    for title, blocks in ((f'sign call{what}', found.sign), (f'floor{what}', found.floor)):
        everything = [t for block in blocks for t in block]
        rows.append([title, len(everything), *(percentile(everything, p) for p in (1, 25, 50, 75, 90, 99, 99.9))])
    signs, floors = live.of_blocks(found.sign, 50), live.of_blocks(found.floor, 50)
    rows.append([f'ratio{what}', '', '', '', live.median([a / b for a, b in zip(signs, floors)]), '', '',
                 live.median(live.of_blocks(found.sign, 99)) / live.median(live.of_blocks(found.floor, 99)), ''])
    return rows


def figures_of(found):
    p50, p99 = (live.of_blocks(found.sign, p) for p in (50, 99))
    floor50, floor99 = (live.of_blocks(found.floor, p) for p in (50, 99))
    return [Figure.of('sign_call_p50_us', p50, 'us', text='time inside the sign call, one caller after call, median'),
            Figure.of('floor_p50_us', floor50, 'us', text='the bare fan-out, median'),
            Figure.of('sign_to_floor_p50', [a / b for a, b in zip(p50, floor50)], 'ratio', goal=Goal(at_most=1.5), text='sign call to floor, medians of neighbouring blocks',
                      missed=MISSED),
            Figure.of('sign_call_p99_us', p99, 'us', text='time inside the sign call, 99th percentile of a block'),
            Figure.of('floor_p99_us', floor99, 'us', text='the bare fan-out, 99th percentile of a block'),
            Figure.of('sign_to_floor_p99', [a / b for a, b in zip(p99, floor99)], 'ratio', goal=Goal(at_most=3), text='sign call to floor, 99th percentiles',
                      missed=MISSED_P99),
            Figure.of('sign_init_us', live.of_blocks(found.init, 50), 'us', text='EVP_DigestSignInit_ex, which comes before and is not counted above')]


def measure(site):
    calls = 120  # a block that takes more begins a refill, as a rule; the section under_refill is about that
    rows = []
    with live.cluster(site) as made:
        site.say('one caller, back to back')
        found = live.sign_calls(site, made, 3 * site.repetitions, calls)
        rows += distribution(found, '')
        for rate in (50, 200):
            site.say(f'{rate} calls a second')
            rows += distribution(live.sign_calls(site, made, 2 if site.quick else 4, 40 if site.quick else 2 * rate, '--rate', rate), f', {rate}/s')
        for callers in (2, 4):
            site.say(f'{callers} callers')
            rows += distribution(live.sign_calls(site, made, 4 if site.quick else 12, calls, '--threads', callers), f', {callers} callers')
    site.say('the latency table')
    table, note = latency_table.latency_table(site)
    columns = ['us', 'calls', 'p1', 'p25', 'p50', 'p75', 'p90', 'p99', 'p99.9']
    background = live.median(found.background_cores)
    return Section('On-line', TEXT.format(content=found.content_bytes, request=found.request_bytes, reply=found.reply_bytes, record=found.record_bytes),
                   figures_of(found), [Table('Sign calls and the floor, microseconds', columns, rows), table],
                   [Chart('sign_call', 'Sign call and floor, one caller', 'percentile', 'us',
                          [live.percentile_series('sign call', found.sign), live.percentile_series('floor', found.floor)], log='y')],
                   [f'{live.TWO_CORES} Blocks begin while no presignatures are made; a block that empties a pool below its target still '
                    f'sees some of that: in the median block background threads took {background:.2f} cores.', note])
