#!/usr/bin/env python3
"""What becomes of handshakes while the cluster cannot sign: the policies of "unavailable" in real servers.

usage: decline_test.py --source DIR --build DIR [--only TEXT] [--port P] [--keep]          TAP output
Each test prints its counts: handshakes with the threshold certificate, with the ordinary one, failed; and how long it
took from the return of the signers to the first threshold certificate."""
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from matrix import Matrix  # noqa: E402
from servers import clients, programs  # noqa: E402
from servers.cluster import PLAIN  # noqa: E402
from servers.openssl_conf import replaced  # noqa: E402
from servers.suite import options_of, run_suite  # noqa: E402
from servers.tap import eventually, expect  # noqa: E402

DEADLINE = 1.0
#: A handshake is more than its signature, and the machine may be busy.
SLACK = 1.5


class Probe:
    """Handshakes one after the other: which certificate, and how long."""

    def __init__(self, site, port, version='1.3', names=None):
        self.port = port
        self.context = clients.client_context(site.ca, version)
        self.known = {self.der(identity): name for name, identity in (names or site.identities).items()}

    @staticmethod
    def der(identity):
        first = identity.chain.read_text().split('-----END CERTIFICATE-----')[0] + '-----END CERTIFICATE-----\n'
        return ssl.PEM_cert_to_DER_cert(first[first.index('-----BEGIN'):])

    def once(self, timeout=15):
        """(name of the certificate or 'failed', seconds, why)"""
        begun = time.monotonic()
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=timeout) as raw:
                with self.context.wrap_socket(raw, server_hostname='localhost') as tls:
                    name = self.known.get(tls.getpeercert(True), 'stranger')
            return name, time.monotonic() - begun, ''
        except OSError as error:
            return 'failed', time.monotonic() - begun, repr(error)

    def many(self, count, pause=0.0):
        results = []
        for _ in range(count):
            results.append(self.once())
            time.sleep(pause)
        return Results(results)


class Results:
    def __init__(self, results):
        self.results = results

    def count(self, name):
        return sum(1 for r in self.results if r[0] == name)

    def slowest(self):
        return max(r[1] for r in self.results)

    def text(self):
        parts = [f'{self.count(name)} {name}' for name in sorted({r[0] for r in self.results})]
        took = sorted(r[1] for r in self.results)
        why = {r[2] for r in self.results if r[2]}
        return (f"{len(took)} handshakes: {', '.join(parts)}; median {took[len(took) // 2] * 1e3:.1f} ms, slowest {took[-1] * 1e3:.0f} ms"
                + (f'; {sorted(why)[:2]}' if why else ''))

    def all_are(self, name, within):
        expect(self.count(name) == len(self.results), f'not all are {name}: {self.text()}')
        expect(self.slowest() <= within, f'slower than {within} s: {self.text()}')
        return self.text()


class Traffic:
    """A handshake every `pause` seconds in the background for as long as the block lasts."""

    def __init__(self, probe, pause=0.05):
        self.probe, self.pause, self.stopping, self.seen = probe, pause, False, []

    def _work(self):
        while not self.stopping:
            result = self.probe.once()
            self.seen.append((time.monotonic(), *result))
            time.sleep(self.pause)

    def __enter__(self):
        self.thread = threading.Thread(target=self._work)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        self.thread.join()

    def results(self, since=0.0):
        """Of handshakes that began after that."""
        return Results([r[1:] for r in self.seen if r[0] - r[2] >= since])


class NginxDecline(programs.Nginx):
    """From conf/nginx-decline.conf."""

    def prepare(self):
        rsa = self.site.identities['rsa']
        text = self.sample('nginx-decline.conf')
        text = replaced(text, 'worker_processes 4;', f'worker_processes {self.worker_count};')
        text = replaced(text, '/run/nginx.pid', f'{self.home}/nginx.pid')
        text = replaced(text, '/var/log/nginx/error.log', f'{self.home}/error.log')
        text = replaced(text, 'listen 443', f'listen 127.0.0.1:{self.port}')
        text = replaced(text, '/etc/quorate/www.crt', str(self.identity.chain))
        text = replaced(text, '/etc/quorate/key.pem', str(self.identity.key))
        text = replaced(text, '/etc/quorate/www-rsa.crt', str(rsa.chain))
        text = replaced(text, '/etc/quorate/www-rsa.key', str(rsa.key))
        temporary = ''.join(f'{kind}_temp_path {self.home}/{kind}; ' for kind in ('proxy', 'fastcgi', 'uwsgi', 'scgi'))
        text = replaced(text, 'http {\n', f'http {{ {temporary}client_body_temp_path {self.home}/body;\n')
        if os.geteuid() != 0:
            text = replaced(text, 'user www-data;\n', '')
        (self.home / 'nginx.conf').write_text(text)


class NginxDeclineOne(NginxDecline):
    worker_count = 1


class NginxDeclineTwo(NginxDecline):
    worker_count = 2


class NginxDeclineInline(NginxDecline):
    """Its worker may start no thread: all I/O is done in the calls of libssl."""
    worker_count = 1

    def launch(self):
        programs.need_root('another user')
        super().launch(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (0, 0)))


class NginxBeside(programs.NginxOne):
    """A second virtual host with an ordinary key."""

    def prepare(self):
        super().prepare()
        self.other_port = self.site.port()
        local = self.site.identities['local-web']
        path = self.home / 'nginx.conf'
        text = path.read_text()
        text = replaced(text, '  server {\n', f'''  server {{ listen 127.0.0.1:{self.other_port} ssl; ssl_protocols TLSv1.3;
    ssl_certificate {local.chain};
    ssl_certificate_key {local.key}; location / {{ return 200 "ordinary"; }} }}
  server {{
''')
        path.write_text(text)


class SServerTwo(programs.SServer):
    def command(self):
        rsa = self.site.identities['rsa']
        return [*super().command(), '-dcert', rsa.chain, '-dkey', rsa.key]


class HaproxyAgent(programs.HaproxyMaster):
    """From conf/haproxy-decline.cfg and conf/haproxy-crt-list.txt, with the agent as the unit starts it."""
    sample_name = 'haproxy-decline.cfg'
    agent = None

    def prepare(self):
        rsa = self.site.identities['rsa']
        (self.home / 'www-ordinary.pem').write_text(rsa.chain.read_text() + rsa.key.read_text())
        self.list = self.home / 'haproxy-crt-list.txt'
        text = self.sample('haproxy-crt-list.txt')
        text = replaced(text, '/etc/quorate/www-ordinary.pem', f'{self.home}/www-ordinary.pem')
        text = replaced(text, '/etc/quorate/www.pem', str(self.combined()))
        self.list.write_text(text)
        text = self.sample(self.sample_name)
        text = replaced(text, 'bind :443', f'bind 127.0.0.1:{self.port}')
        text = replaced(text, 'ssl crt-list /etc/quorate/haproxy-crt-list.txt curves', f'ssl crt-list {self.list} curves')
        text = replaced(text, 'stats socket /run/haproxy/admin.sock', f'stats socket {self.home}/admin.sock')
        (self.home / 'root').mkdir()
        text = replaced(text, 'chroot /var/lib/haproxy', f'chroot {self.home}/root')
        if os.geteuid() != 0:
            for line in ('    user haproxy\n', '    group haproxy\n', f'    chroot {self.home}/root\n'):
                text = replaced(text, line, '')
        (self.home / 'haproxy.cfg').write_text(text)

    def start_agent(self, provider_json):
        unit = self.sample('quorate-haproxy-agent.service').replace('\\\n', ' ')
        line = re.search(r'^ExecStart=(.*)$', unit, re.M).group(1)
        for old, new in (('/usr/bin/quorate', self.site.quorate), ('/etc/quorate/provider.json', provider_json),
                         ('/etc/quorate/key.pem', self.identity.key), ('/run/haproxy/admin.sock', self.home / 'admin.sock'),
                         ('/etc/quorate/haproxy-crt-list.txt', self.list), ('/etc/quorate/www.pem', self.home / 'www.pem')):
            line = replaced(line, old, str(new))
        with open(self.home / 'agent.log', 'ab') as log:
            self.agent = subprocess.Popen(line.split(), env=PLAIN, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self):
        self.stop_agent()
        super().stop()

    def stop_agent(self):
        if self.agent is not None:
            self.agent.terminate()
            expect(self.agent.wait(10) in (0, 1), 'the agent did not end by itself')
            self.agent = None


class Decline:
    def __init__(self, site):
        self.site = site
        self.matrix = Matrix(site, None)

    def server(self, kind, policy, **changes):
        self.matrix.number += 1
        home = self.site.top / f'decline-{self.matrix.number}'
        provider_json = self.site.provider_with(unavailable=policy, deadline_ms=int(DEADLINE * 1000),
                                                log={'file': str(home / 'provider.log'), 'level': 'warning'}, **changes)
        conf = self.matrix.openssl_cnf('default first', provider_json)
        server = kind(self.site, home, self.site.port(), conf, self.site.identities['P-256'])
        server.provider_json = provider_json
        return server.start()

    # ---- signers ----

    def kill(self, how=signal.SIGKILL):
        for number, process in self.site.signers.items():
            pid = process if isinstance(process, int) else process.pid
            if self.site._is_signer(number, pid):
                os.kill(pid, how)
        for number in list(self.site.signers):
            self.site.stop_signer(number)

    def signal_all(self, which):
        for process in self.site.signers.values():
            os.kill(process if isinstance(process, int) else process.pid, which)

    def restart(self):
        for number in (1, 2, 3):
            self.site.start_signer(number)

    def ready_elsewhere(self, seconds=60):
        """When a program of its own that knows nothing yet, `quorate ready`, says that the cluster can sign."""
        done = subprocess.run([self.site.quorate, 'ready', '--config', self.site.provider_json, '--key',
                               self.site.identities['P-256'].key, '--wait', str(seconds)], env=PLAIN, capture_output=True,
                              text=True, timeout=seconds + 20, check=False)
        expect(done.returncode == 0, f'quorate ready: {done.stdout}{done.stderr}')
        return time.monotonic()

    def comes_back(self, traffic, started, allowed_failures=0):
        """Signers were started: from then on nothing fails, and the threshold certificate is there again soon after
        they can sign."""
        ready = self.ready_elsewhere()
        eventually(lambda: any(r[0] >= started and r[1] == 'P-256' for r in traffic.seen), 'the threshold certificate again', 20)
        first = next(r[0] for r in traffic.seen if r[0] >= started and r[1] == 'P-256')
        results = traffic.results(started)
        expect(results.count('failed') <= allowed_failures, f'handshakes failed while the signers came back: {results.text()}')
        late = first - ready
        expect(late <= 5, f'{late:.1f} s from ready signers to the first threshold certificate')
        return (f'signers back: threshold certificate {first - started:.2f} s after they were started, {late:+.2f} s after '
                f'another program found them ready; meanwhile {results.text()}')

    # ---- tests ----

    def second_certificate(self, kind, how, warm=True):
        """All signers go away; TLS 1.3 clients get the other certificate; all come back."""
        self.site.wait()
        server = self.server(kind, 'decline', **({'io_thread': 'at-fork'} if warm else {}))
        notes = []
        try:
            probe, old = Probe(self.site, server.port), Probe(self.site, server.port, '1.2')
            before = probe.many(10)
            notes.append('before: ' + before.all_are('P-256', DEADLINE + SLACK))
            for pid in server.workers():  # each of them has to know of the signers
                eventually(lambda p=pid: not warm or programs_threads(p), 'an I/O thread in every worker', 5)
            with Traffic(probe) as traffic:
                self.kill(how)
                time.sleep(0.2)  # a worker's thread has to run before the worker knows
                gone = time.monotonic()
                after = probe.many(40)
                notes.append('no signers: ' + after.all_are('rsa', DEADLINE + SLACK))
                if kind is not SServerTwo:
                    notes.append('no signers, TLS 1.2: ' + old.many(5).all_are('rsa', DEADLINE + SLACK))
                time.sleep(1)
                during = traffic.results(gone)
                expect(during.count('failed') == 0, f'failed after the signers were gone: {during.text()}')
                started = time.monotonic()
                self.restart()
                notes.append(self.comes_back(traffic, started))
                everything = traffic.results()
            # Those under way at the moment of the kill had their certificate chosen.
            expect(everything.count('failed') <= 2, f'all along: {everything.text()}')
            notes.append('all along: ' + everything.text())
            lines = [line for line in (server.home / 'provider.log').read_text().splitlines() if 'declined, so' in line]
            why = [line for line in lines if re.search(r'QuorumInsufficient: .* of 2 signers reachable \(.*signers? .* down\)', line)]
            expect(why, f'the log does not say why and who: {lines[:3]}')
            expect(len(lines) <= 4 * (time.monotonic() - gone + 1), f'{len(lines)} lines: not limited')
            notes.append(why[-1])
            return '\n'.join(notes)
        finally:
            server.stop()
            self.heal()

    def cold_worker(self):
        """A server started while nobody is up: what is unknown counts as ready, once."""
        self.site.wait()
        self.kill(signal.SIGTERM)
        server = self.server(NginxDeclineOne, 'decline', io_thread='at-fork')
        try:
            probe = Probe(self.site, server.port)
            time.sleep(1.0)  # the spare thread has begun by then
            results = probe.many(20)
            expect(results.count('failed') <= 1 and results.count('rsa') >= 19, results.text())
            with Traffic(probe) as traffic:
                started = time.monotonic()
                self.restart()
                return results.text() + '\n' + self.comes_back(traffic, started)
        finally:
            server.stop()
            self.heal()

    def hanging_signers(self):
        """Signers that are stopped keep their connections, so that nothing is known until requests fail."""
        self.site.wait()
        server = self.server(NginxDeclineOne, 'decline', io_thread='at-fork')
        try:
            probe = Probe(self.site, server.port)
            probe.many(5).all_are('P-256', DEADLINE + SLACK)
            self.signal_all(signal.SIGSTOP)
            try:
                begun = time.monotonic()
                results = probe.many(60, 0.1)
                took = time.monotonic() - begun
                trials = 3 + took / 2.5 + 1  # three to find out, then one in 0.5 s of waiting and 2 s of pause
                expect(results.count('failed') <= trials, f'more than {trials:.0f} trials in {took:.0f} s: {results.text()}')
                expect(results.count('rsa') >= 40, results.text())
                expect(results.slowest() <= DEADLINE + SLACK, results.text())
            finally:
                self.signal_all(signal.SIGCONT)
            woken = time.monotonic()
            eventually(lambda: probe.once()[0] == 'P-256', 'the threshold certificate again', 10)
            return f'{results.text()}\nawake: threshold certificate after {time.monotonic() - woken:.2f} s'
        finally:
            server.stop()
            self.heal()

    def one_certificate(self, policy):
        """Nothing to fall back on: a clean failure within the deadline, and the reason in the log."""
        self.site.wait()
        server = self.server(programs.NginxOne, policy)
        try:
            probe = Probe(self.site, server.port)
            probe.many(3).all_are('P-256', DEADLINE + SLACK)
            self.kill()
            time.sleep(0.2)
            results = probe.many(30)
            results.all_are('failed', DEADLINE + SLACK)
            quick = sum(1 for r in results.results if r[1] < DEADLINE / 2)
            expect(quick >= (29 if policy != 'retry' else 20), f'only {quick} failed at once: {results.text()}')
            expect(all('alert' in r[2].lower() for r in results.results), f'no alert: {results.text()}')
            error_log = (server.home / 'error.log').read_text()
            if policy != 'decline':  # libssl drops what is said before the certificate is chosen
                found = re.search(r'SSL_do_handshake\(\) failed .*quorate::QuorumInsufficient:.*', error_log)
                expect(found and re.search(r'0 of 2 signers reachable \(signers 1, 2, 3 down\)', found.group()),
                       f'error.log does not say who is missing: {error_log[-800:]}')
            log = (server.home / 'provider.log').read_text()
            expect('QuorumInsufficient' in log and 'signers 1, 2, 3 down' in log, f'provider.log: {log[-800:]}')
            started = time.monotonic()
            self.restart()
            self.ready_elsewhere()
            ready = time.monotonic()
            eventually(lambda: probe.once()[0] == 'P-256', 'the threshold certificate again', 10)
            return (f'{results.text()}; {quick} at once\nsigners back: {time.monotonic() - started:.2f} s after they were started, '
                    f'{time.monotonic() - ready:.2f} s after they were ready')
        finally:
            server.stop()
            self.heal()

    def blocked_worker(self):
        """One worker, no signers, clients that insist: a host with an ordinary key beside is still served."""
        self.site.wait()
        server = self.server(NginxBeside, 'retry')
        try:
            threshold, ordinary = Probe(self.site, server.port), Probe(self.site, server.other_port)
            threshold.many(3).all_are('P-256', DEADLINE + SLACK)
            calm = ordinary.many(20)
            self.kill()
            with Traffic(threshold, 0.005) as a, Traffic(threshold, 0.005) as b:
                time.sleep(2 * DEADLINE)
                results = ordinary.many(100, 0.05)
            expect(results.count('local-web') == 100, results.text())
            prompt = sum(1 for r in results.results if r[1] < DEADLINE / 4)
            insisting = Results([*a.results().results, *b.results().results])
            expect(prompt >= 70, f'only {prompt} of 100 were prompt: {results.text()}')
            return (f'{prompt} of 100 prompt; {results.text()}\nbefore: {calm.text()}\nmeanwhile on the other host: {insisting.text()}')
        finally:
            server.stop()
            self.heal()

    def haproxy(self):
        """The agent takes the certificate off the list and puts it back, through a reload as well."""
        self.site.wait()
        server = self.server(HaproxyAgent, 'retry', io_thread='at-fork')
        notes = []
        try:
            probe, old = Probe(self.site, server.port), Probe(self.site, server.port, '1.2')
            server.start_agent(server.provider_json)
            for each, version in ((probe, '1.3'), (old, '1.2')):
                notes.append(f'before, TLS {version}: ' + each.many(5).all_are('P-256', DEADLINE + SLACK))
            with Traffic(probe) as traffic:
                self.kill()
                gone = time.monotonic()
                eventually(lambda: probe.once()[0] == 'rsa', 'the ordinary certificate', 5)
                notes.append(f'no signers: ordinary certificate after {time.monotonic() - gone:.2f} s')
                settled = time.monotonic()
                for each, version in ((probe, '1.3'), (old, '1.2')):
                    notes.append(f'no signers, TLS {version}: ' + each.many(20).all_are('rsa', DEADLINE + SLACK))
                server.reload()
                eventually(lambda: probe.once()[0] == 'rsa', 'the ordinary certificate after a reload', 5)
                started = time.monotonic()
                time.sleep(0.5)
                expect(traffic.results(started).count('rsa') > 0, 'no traffic')
                self.restart()
                notes.append(self.comes_back(traffic, started, allowed_failures=2))
                notes.append('all along: ' + traffic.results(settled).text())
            notes.append('after, TLS 1.2: ' + old.many(5).all_are('P-256', DEADLINE + SLACK))
            self.kill()
            eventually(lambda: probe.once()[0] == 'rsa', 'the ordinary certificate', 5)
            server.stop_agent()
            eventually(lambda: probe.once()[0] != 'rsa', 'an agent that ends puts the certificate back', 5)
            notes.append((server.home / 'agent.log').read_text())
            return '\n'.join(notes)
        finally:
            server.stop()
            self.heal()

    def restart_missing(self):
        for number in (1, 2, 3):
            if number not in self.site.signers:
                self.site.start_signer(number)

    def heal(self):
        self.restart_missing()
        self.site.wait(120)


def programs_threads(pid):
    return [p for p in pathlib.Path(f'/proc/{pid}/task').glob('*/comm') if p.read_text().startswith('quorate')]


def prepare(site):
    site.identities['rsa'] = site.make_local('rsa', 'rsa:2048')
    site.identities['local-web'] = site.make_local('local-web', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')


def tests_of(here):
    return (
        ('decline, nginx, 1 worker, all signers killed: the second certificate',
         lambda: here.second_certificate(NginxDeclineOne, signal.SIGKILL)),
        ('decline, nginx, 2 workers, all signers ended: the second certificate',
         lambda: here.second_certificate(NginxDeclineTwo, signal.SIGTERM)),
        ('decline, nginx, RLIMIT_NPROC 0: everything inline, the second certificate',
         lambda: here.second_certificate(NginxDeclineInline, signal.SIGKILL, warm=False)),
        ('decline, s_server -dcert: the second certificate', lambda: here.second_certificate(SServerTwo, signal.SIGKILL, warm=False)),
        ('decline, nginx started without signers: the second certificate from the start', here.cold_worker),
        ('decline, nginx, hanging signers: few trials, the second certificate otherwise', here.hanging_signers),
        ('fail, nginx, one certificate: fails at once and says why', lambda: here.one_certificate('fail')),
        ('retry, nginx, one certificate: fails within the deadline and says why', lambda: here.one_certificate('retry')),
        ('decline, nginx, one certificate: fails at once, the provider log says why', lambda: here.one_certificate('decline')),
        ('retry, nginx, 1 worker, no signers: a host with an ordinary key beside is served', here.blocked_worker),
        ('HAProxy with the agent, no signers: the ordinary certificate, without a reload', here.haproxy),
    )


def main():
    def body(site, test):
        for name, function in tests_of(Decline(site)):
            test(name, function)
    return run_suite(options_of(__doc__), body, prepare, deadline_ms=int(DEADLINE * 1000))


if __name__ == '__main__':
    sys.exit(main())
