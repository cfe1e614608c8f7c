"""What a handshake costs nginx, and how many handshakes servers make, with a key of the cluster and with a local one."""
import pathlib
import statistics

import async_gain
import live
from figures import Figure, Goal, Section, Table, percentile
from servers import programs
from servers.slow_network import SlowNetwork

TARGETS = [*live.PROGRAMS, 'test/bench/sign_calls', 'test/bench/tls_clients']


class Nginx2(programs.Nginx):
    worker_count = 2


SERVERS = [('nginx, 1 worker', programs.NginxOne), ('nginx, 2 workers', Nginx2), ('HAProxy, 1 thread', async_gain.Sync),
           ('HAProxy, 1 thread, async', async_gain.Async)]
KEYS = ('local', 'quorate')
MISSED = """perf on the worker: 16 % of its CPU is inside the sign call (sends 6, waits 5, verification 3, choosing and
encoding 2), in place of the 9 % that a local signature takes; another 7 % is the cost of the switches to and from signers. What else is more is the rest of the handshake itself, in caches that signers
on the same two processors have used in between (`nginx_cpu_us_local_beside`). Next: signers on machines of their own; one wait for both answers instead of two."""
BESIDE = 500  # sign calls a second, about what one client with nginx makes of them


def cpu_us(processes):
    """CPU time of all threads of these processes."""
    return sum(int(path.read_text().split()[0]) for pid in processes for path in pathlib.Path(f'/proc/{pid}/task').glob('*/schedstat')) / 1e3


def start(made, kind, key, name):
    changes = kind.provider_changes
    provider = made.provider_with(**changes)
    return kind(made, made.top / name, made.port(), live.conf(made, provider, name), made.identities[key]).start()


def handshakes(site, made, server, count, clients, rate=0):
    return live.run(site, 'tls_clients', '--port', server.port, '--ca', made.ca, '--count', count, '--clients', clients, '--at', rate)


def cost_of_block(site, made, server, count):
    before = cpu_us(server.workers())
    handshakes(site, made, server, count, 1)
    return (cpu_us(server.workers()) - before) / count


def cpu_of_nginx(site, made):
    """Per key: CPU of the worker in us a handshake, a value a repetition, and the same for all signers together.
    `beside`: the local key again, while another process makes as many sign calls as nginx did, so that the caches of
    these processors are as cold for it."""
    servers, cost, signers = {}, {key: [] for key in (*KEYS, 'beside')}, []
    count = 150 if site.quick else 500
    try:
        for key in KEYS:
            servers[key] = start(made, programs.NginxOne, key, f'cpu-{key}')
            handshakes(site, made, servers[key], 50, 1)
        for i in range(site.repetitions):
            site.say(f'CPU of nginx, {i + 1} of {site.repetitions}')
            for key in KEYS:
                before = cpu_us(live.pids(made))
                cost[key].append(cost_of_block(site, made, servers[key], count))
                if key == 'quorate':
                    signers.append((cpu_us(live.pids(made)) - before) / count)
            with live.calling(site, made, BESIDE):
                cost['beside'].append(cost_of_block(site, made, servers['local'], count))
    finally:
        for server in servers.values():
            server.stop()
    return cost, signers


def rates(site, made):
    """Rows of the table: both keys by turns, as many handshakes as go, then latencies at half the slower one's rate."""
    rows = []
    for title, kind in SERVERS:
        site.say(title)
        servers, fastest = {}, {key: [] for key in KEYS}
        try:
            for key in KEYS:
                servers[key] = start(made, kind, key, f'{kind.__name__}-{key}')
                handshakes(site, made, servers[key], 20, 1)
            for _ in range(3):
                for key in KEYS:
                    count = 120 if site.quick else 600
                    fastest[key].append(count / handshakes(site, made, servers[key], count, 8)['seconds'])
            pace = max(10, min(statistics.median(fastest[key]) for key in KEYS) / 2)
            for key in KEYS:
                took = [t / 1e3 for t in handshakes(site, made, servers[key], 60 if site.quick else 400, 8, pace)['took_us']]
                rows.append([title, key, statistics.median(fastest[key]), f'{pace:.0f}/s', *(percentile(took, p) for p in (50, 90, 99))])
        finally:
            for server in servers.values():
                server.stop()
    return rows


def gain_of_async(site):
    """test/system/async_gain.py, as often as there is time for."""
    gains = []
    with live.cluster(site, target=400, batch=64) as made:
        network = SlowNetwork({number: made.base + number for number in made.numbers}, async_gain.ROUND_TRIP)
        try:
            test = async_gain.AsyncGain(made, network)
            for i in range(2 if site.quick else 3):
                site.say(f'HAProxy sync and async, {i + 1}')
                test.rate(async_gain.Sync, 200)
                test.rate(async_gain.Async, 600)
                gains.append(test.rates[async_gain.Async] / test.rates[async_gain.Sync])
        finally:
            network.stop()
    return gains


def measure(site):
    with live.cluster(site, target=1000, batch=64) as made:
        made.identities['quorate'] = made.identities['P-256']
        made.identities['local'] = made.make_local('local', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
        cost, signers = cpu_of_nginx(site, made)
        rows = rates(site, made)
    gains = gain_of_async(site)
    return Section('Servers', 'The same nginx, once with a local P-256 key and once with a key of the cluster (2 of 3, direct mode, signers on this host). '
                   'CPU is that of the worker process with all its threads (schedstat), for full TLS 1.3 handshakes of one client that makes one after the other.',
                   [Figure.of('nginx_cpu_us_local', cost['local'], 'us', text='CPU of an nginx worker per handshake, local key'),
                    Figure.of('nginx_cpu_us_quorate', cost['quorate'], 'us', text='CPU of an nginx worker per handshake, key of the cluster'),
                    Figure.of('nginx_cpu_ratio', [q / l for q, l in zip(cost['quorate'], cost['local'])], 'ratio', goal=Goal(at_most=1.25), text='the latter to the former, blocks by turns',
                              missed=MISSED),
                    Figure.of('nginx_cpu_us_local_beside', cost['beside'], 'us', text=f'local key, while another process makes {BESIDE} sign calls a second: '
                              'what caches that are shared with signers cost'),
                    Figure.of('nginx_cpu_ratio_beside', [q / l for q, l in zip(cost['quorate'], cost['beside'])], 'ratio', text='key of the cluster to that'),
                    Figure.of('signers_cpu_us_per_handshake', signers, 'us', text='CPU of all three signers per handshake, making the next presignature included'),
                    Figure.of('haproxy_async_gain', gains, 'ratio', text='handshakes a second of one HAProxy thread with ssl-mode-async to those without, '
                              '200 at a time, signers 20 ms away')],
                   [Table('Handshakes', ['server', 'key', 'at most, 1/s', 'latencies at', 'p50 ms', 'p90 ms', 'p99 ms'], rows)],
                   notes=[f'{live.TWO_CORES} With a key of the cluster, the rates are therefore those of clients, server, two signers of each signature and of making '
                          'new presignatures, on two cores, and no measure of the server alone; its CPU per handshake is. '
                          'The client takes X25519, keeps no sessions and checks the certificate.'])
