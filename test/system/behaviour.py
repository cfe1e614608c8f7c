#!/usr/bin/env python3
"""How the module behaves inside real servers: reloads, limits on processes, children, errors in logs, client keys.

usage: behaviour.py --source DIR --build DIR [--only TEXT] [--port P] [--keep]          TAP output"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import struct
import sys
import time

sys.dont_write_bytecode = True
from matrix import Matrix  # noqa: E402
from servers import clients, programs  # noqa: E402
from servers.cluster import PLAIN, Cluster, run  # noqa: E402
from servers.tap import Failure, Tap, eventually, expect  # noqa: E402


def status_of(pid):
    """Name: value, of /proc/PID/status."""
    return dict(line.split(':\t', 1) for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines() if ':\t' in line)


def threads_of(pid, prefix):
    return [name for name in (p.read_text().strip() for p in pathlib.Path(f'/proc/{pid}/task').glob('*/comm'))
            if name.startswith(prefix)]


def may_start_threads(pid):
    limits = pathlib.Path(f'/proc/{pid}/limits').read_text()
    return int(re.search(r'Max processes\s+(\d+|unlimited)', limits).group(1).replace('unlimited', '1')) > 0


class ApacheCgi(programs.ApachePrefork):
    """Its CGI script says how many threads and sockets it began life with."""

    def prepare(self):
        (self.home / 'cgi').mkdir()
        script = self.home / 'cgi/child'
        script.write_text("""#!/bin/sh
set -- /proc/$$/task/*
threads=$#
sockets=$(ls -l /proc/$$/fd | grep -c socket:)
printf 'Content-Type: text/plain\\n\\n%d %d\\n' "$threads" "$sockets"
""")
        script.chmod(0o755)
        self.extra = f'''
LoadModule alias_module modules/mod_alias.so
LoadModule cgi_module modules/mod_cgi.so
ScriptAlias /cgi/ {self.home}/cgi/
<Directory {self.home}/cgi>
    Require all granted
</Directory>
'''
        super().prepare()


def connected_ports(pid):
    """Remote ports of the established TCP connections of a process."""
    inodes = set()
    for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        try:
            inodes.add(os.readlink(fd))
        except OSError:
            continue
    ports = set()
    for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == '01' and f'socket:[{fields[9]}]' in inodes:
            ports.add(int(fields[2].split(':')[1], 16))
    return ports


class Behaviour:
    def __init__(self, site):
        self.site = site
        self.matrix = Matrix(site, None)

    def server(self, kind, provider_json=None, identity=None):
        """Started; the caller ends it."""
        self.matrix.number += 1
        number = self.matrix.number
        conf = self.matrix.openssl_cnf('default first', provider_json or self.site.provider_with(**kind.provider_changes))
        identity = identity or self.site.identities['P-256']
        return kind(self.site, self.site.top / f'behaviour-{number}', self.site.port(), conf, identity)

    # ---- loading keys ----

    def checks_need_no_signer(self):
        """nginx -t and haproxy -c with nobody where the signers should be."""
        provider_json = self.site.new_frontend('lonely')
        config = json.loads(provider_json.read_text())
        for signer in config['signers']:
            signer['address'] = f"127.0.0.1:{self.site.port()}"
        provider_json.write_text(json.dumps(config))
        begun = time.monotonic()
        for kind, option in ((programs.Nginx, '-t'), (programs.HaproxyMaster, '-c')):
            server = self.server(kind, provider_json)
            server.prepare()
            run(*server.command(option), env=server.env)
        expect(time.monotonic() - begun < 5, 'the checks took long: they waited for somebody')

    def checks_find_a_broken_file(self):
        """The same checks name the file and what is wrong in it."""
        provider_json = self.site.new_frontend('broken', deadline_ms='soon')
        for kind, option in ((programs.Nginx, '-t'), (programs.HaproxyMaster, '-c')):
            server = self.server(kind, provider_json)
            server.prepare()
            try:
                text = run(*server.command(option), env=server.env)
            except Failure as failure:
                text = str(failure)
                expect('deadline_ms' in text and 'broken/provider.json' in text, f'{server.name} does not say why: {text}')
            else:
                raise Failure(f'{server.name} found nothing wrong: {text}')

    # ---- reloads ----

    def reload_takes_new_files(self):
        """After a reload the server shows the signers its new identity and clients its new certificate."""
        provider_json = self.site.new_frontend('early')
        own = self.site.top / 'own'
        own.mkdir()
        chain = own / 'web.crt'
        chain.write_text(self.site.identities['P-256'].chain.read_text())
        identity = type(self.site.identities['P-256'])(own, chain, self.site.identities['P-256'].key, 'P-256')
        server = self.server(programs.NginxOne, provider_json, identity).start()
        try:
            clients.python(server)
            before = clients.s_client(server).text
            log = server.home / 'provider.log'
            late = self.site.new_frontend('late')
            config = json.loads(late.read_text())
            config['tls'] = {key: str(late.parent / value) for key, value in config['tls'].items()}
            config['log'] = {'file': str(log), 'level': 'info'}
            provider_json.write_text(json.dumps(config))
            self.site.sign_request(self.site.dir / 'admin/web.csr', chain)
            server.reload()
            clients.python(server)
            after = clients.s_client(server).text
            certificate = re.compile(r'-----BEGIN CERTIFICATE-----.*?-----END', re.S)
            expect(certificate.search(before).group() != certificate.search(after).group(), 'the old certificate is still shown')
            expect(log.exists(), 'the log that the new provider.json names was not opened')

            def callers():
                return {entry['who'].split('/', 1)[1] for entry in self.site.audit() if entry['outcome'] == 'signed'}
            eventually(lambda: {'frontend/early', 'frontend/late'} <= callers(), 'signers have seen both identities', 5)
        finally:
            server.stop()

    def reload_under_load(self, kind, times=3):
        server = self.server(kind).start()
        try:
            with clients.Load(server) as load:
                time.sleep(0.5)
                for _ in range(times):
                    server.reload()
                    time.sleep(0.5)
            return load.check(20)
        finally:
            server.stop()

    # ---- processes, users, limits ----

    @staticmethod
    def has_given_up_rights(pid):
        """The port may be open before."""
        eventually(lambda: status_of(pid)['Uid'].split()[1] != '0' and not may_start_threads(pid),
                   'another user, who may start no thread', 5)

    def foreground_haproxy(self):
        """One process that may start no thread: everything runs inside the handshakes."""
        programs.need_root('another user')
        server = self.server(programs.Haproxy).start()
        try:
            pid = server.process.pid
            self.has_given_up_rights(pid)
            with clients.Load(server, clients=4) as load:
                time.sleep(2)
            notes = load.check(20)
            expect(not threads_of(pid, 'quorate'), 'there is a thread of ours')
            expect('callers run the I/O themselves' in server.logs(), 'the log does not say that there is no thread')
            return notes
        finally:
            server.stop()

    def master_worker_at_fork(self):
        """The worker's I/O thread was there before it lost the right to have one, and does the work."""
        programs.need_root('another user')
        server = self.server(programs.HaproxyAsync).start()
        try:
            for turn in range(2):  # again in the worker of a reloaded master, which was executed anew
                pid = server.workers()[-1]
                self.has_given_up_rights(pid)
                expect(os.readlink(f'/proc/{pid}/root') == str(server.home / 'root'), 'the worker is not in its root')
                expect(threads_of(pid, 'quorate'), 'the worker has no thread of ours')
                with clients.Load(server, clients=8, pause=0) as load:
                    time.sleep(1.5)
                notes = load.check(30)
                expect(threads_of(pid, 'quorate-io') and len(threads_of(pid, 'quorate')) == 1, 'its thread has not worked')
                expect('callers run the I/O themselves' not in server.logs(), 'the log says that there is no thread')
                if turn == 0:
                    server.reload()
                    eventually(lambda: pid not in server.workers(), 'the old worker ends', 20)
            expect(not threads_of(server.process.pid, 'quorate'), 'the master has a thread of ours')
            return notes
        finally:
            server.stop()

    def warm_before_the_first_handshake(self):
        """With io_thread at-fork the worker is connected to every signer before anybody has asked for a page."""
        server = self.server(programs.HaproxyAsync).start()
        try:
            signers = {self.site.base + number for number in (1, 2, 3)}
            pid = server.workers()[-1]
            eventually(lambda: signers <= connected_ports(pid), 'connections to all signers', 10)
            expect(not signers & connected_ports(server.process.pid), 'the master has connections to signers')
        finally:
            server.stop()

    def child_starts_nothing(self, kind, path, io_thread):
        """A CGI or forked child of a server that has signed: no thread, no connection."""
        server = self.server(kind, self.site.provider_with(io_thread=io_thread)).start()
        try:
            for _ in range(3):
                clients.python(server, count=3)
                answer = clients.curl(server, '1.3', path=path)
                expect(answer.split() == ['1', '0'], f'threads and sockets of the child: {answer.strip()}, expected 1 0')
        finally:
            server.stop()

    def aborts_in_mid_job(self):
        """Clients that go away while their handshake waits for the signers: no crash, no descriptor left behind."""
        server = self.server(programs.HaproxyAsync).start()
        try:
            clients.python(server, count=3)
            worker = server.workers()[-1]
            before = len(os.listdir(f'/proc/{worker}/fd'))
            pids = [p if isinstance(p, int) else p.pid for p in self.site.signers.values()]
            for _ in range(3):
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                try:
                    waiting = [self.half_handshake(server) for _ in range(40)]
                    # Of each: the connection, the descriptor that HAProxy watches, and ours to wake it with. A few
                    # of those counted before may have been about to close.
                    eventually(lambda: len(os.listdir(f'/proc/{worker}/fd')) >= before + 3 * len(waiting) - 10,
                               'all handshakes wait at once', 5)
                    for connection in waiting:
                        connection.close()
                    time.sleep(0.2)
                finally:
                    for pid in pids:
                        os.kill(pid, signal.SIGCONT)
                eventually(lambda: clients.s_client(server).signed, 'haproxy signs again', 10)
            eventually(lambda: len(os.listdir(f'/proc/{worker}/fd')) <= before + 3, 'descriptors are closed again', 10)
            expect(server.workers()[-1] == worker, 'the worker was replaced')
            with clients.Load(server) as load:
                time.sleep(1)
            return load.check(10)
        finally:
            server.stop()

    @staticmethod
    def half_handshake(server):
        """A connection whose ClientHello was sent and whose answer is not waited for; closing it resets it."""
        connection = socket.create_connection(('127.0.0.1', server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = clients.client_context(server.site.ca).wrap_bio(incoming, outgoing, server_hostname='localhost')
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
        return connection

    # ---- errors ----

    def errors_reach_the_log(self):
        """nginx's own error log says what the cluster could not do, by name."""
        server = self.server(programs.NginxOne).start()
        try:
            clients.python(server)
            for number in (1, 2):
                self.site.stop_signer(number)
            try:
                for _ in range(2):
                    failed = clients.s_client(server)
                    expect(not failed.signed, 'a handshake was signed by one signer alone')
                    expect('alert' in failed.text, f'the client was left without an alert\n{failed.summary()}')
                found = eventually(lambda: re.search(r'SSL_do_handshake\(\) failed .*quorate::QuorumInsufficient.*',
                                                     (server.home / 'error.log').read_text()), 'the reason in error.log', 3)
                expect('1 of 2 signers' in found.group(), f'error.log does not count the signers: {found.group()}')
            finally:
                for number in (1, 2):
                    self.site.start_signer(number)
                self.site.wait()
            eventually(lambda: clients.s_client(server).signed, 'nginx signs again', 10)
            return found.group()[:200]
        finally:
            server.stop()

    # ---- the other side ----

    def client_keys(self, allowed):
        """curl with a threshold key as client certificate: refused by policy unless signers are told otherwise."""
        class Verifying(programs.SServer):
            def command(self):
                return [*super().command(), '-Verify', '2', '-verify_return_error', '-CAfile', self.site.ca]

        server = self.server(Verifying, identity=self.site.identities['local-web'])
        server.start()
        try:
            ours = self.site.identities['P-256']
            env = {**PLAIN, 'OPENSSL_CONF': str(server.conf)}
            for version in ('1.3', '1.2'):
                text = clients.curl(server, version, ('--cert', ours.chain, '--key', ours.key), env=env, check=False)
                if allowed:
                    expect('CN = localhost' in text or 'CN=localhost' in text,
                           f'TLS {version}: the server saw no client certificate: {text[-500:]}\n{server.logs()[-800:]}')
                else:
                    expect('PolicyDenied' in text, f'TLS {version}: not refused by policy: {text[-500:]}')
        finally:
            server.stop()

    def tools(self, certificates):
        """openssl's own commands: what is a handshake message or an allowed certificate is signed, all else refused."""
        home = self.site.top / f'tools-{certificates}'
        home.mkdir()
        conf = self.matrix.openssl_cnf('default first', self.site.provider_json)
        env, ours = {**PLAIN, 'OPENSSL_CONF': str(conf)}, self.site.identities['P-256']

        def refused(reason, *command):
            text = run('openssl', *command, env=env, check=False)
            expect(reason in text, f"openssl {' '.join(map(str, command[:3]))}: no {reason} in {text[-600:]}")

        message = home / 'message'
        message.write_bytes(b' ' * 64 + b'TLS 1.3, server CertificateVerify\0' + os.urandom(32))
        (home / 'text').write_text('not a handshake')
        (home / 'digest').write_bytes(os.urandom(32))
        public = home / 'public.pem'
        run('openssl', 'pkey', '-in', ours.key, '-pubout', '-out', public, env=env)
        for command in (('dgst', '-sha256', '-sign', ours.key, '-out', home / 'signature', message),
                        ('pkeyutl', '-sign', '-rawin', '-digest', 'sha256', '-inkey', ours.key, '-in', message, '-out', home / 'signature')):
            run('openssl', *command, env=env)
            for where in (env, PLAIN):  # by our own module's way and by the default provider alone
                text = run('openssl', 'dgst', '-sha256', '-verify', public, '-signature', home / 'signature', message, env=where)
                expect('Verified OK' in text, text)
        refused('ContentRefused', 'dgst', '-sha256', '-sign', ours.key, '-out', home / 'x', home / 'text')
        refused('BareDigestRefused', 'pkeyutl', '-sign', '-inkey', ours.key, '-in', home / 'digest', '-out', home / 'x')
        refused('ContentRefused', 'cms', '-sign', '-signer', ours.chain, '-inkey', ours.key, '-in', home / 'text', '-out', home / 'x')
        refused('PolicyDenied', 'req', '-new', '-key', ours.key, '-subj', '/CN=x', '-out', home / 'x')
        issue = (('req', '-x509', '-new', '-key', ours.key, '-subj', '/CN=ca', '-days', '2', '-out', home / 'ca.crt'),
                 ('x509', '-req', '-in', self.site.dir / 'rsa/web.csr', '-CA', home / 'ca.crt', '-CAkey', ours.key, '-CAcreateserial',
                  '-days', '1', '-out', home / 'issued.crt'))
        if not certificates:
            return refused('PolicyDenied', *issue[0])
        for command in issue:
            run('openssl', *command, env=env)
        return run('openssl', 'verify', '-CAfile', home / 'ca.crt', home / 'ca.crt', home / 'issued.crt')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--only', default='')
    parser.add_argument('--port', type=int, default=random.randrange(20000, 30000, 500))
    parser.add_argument('--keep', action='store_true', help='leave the files')
    options = parser.parse_args()

    tap = Tap()
    site = Cluster(options.source.resolve(), options.build.resolve(), options.port)
    here = Behaviour(site)

    def cluster():
        site.start()
        site.identities['rsa'] = site.make_local('rsa', 'rsa:2048')
        site.identities['local-web'] = site.make_local('local-web', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')

    def allow_clients():
        site.allow(['tls13-client-certificate-verify', 'tls12-client-certificate-verify', 'x509-tbs-certificate'])
        here.client_keys(True)

    tests = (
        ('nginx -t and haproxy -c need no signer', here.checks_need_no_signer),
        ('nginx -t and haproxy -c name a broken provider.json and its mistake', here.checks_find_a_broken_file),
        ('nginx reload: new provider.json, identity, log and certificate', here.reload_takes_new_files),
        ('nginx, 4 workers, 3 reloads under load: no failed handshake', lambda: here.reload_under_load(programs.Nginx)),
        ('HAProxy -W, 3 reloads under load: no failed handshake', lambda: here.reload_under_load(programs.HaproxyMaster)),
        ('HAProxy async -W, 3 reloads under load: no failed handshake', lambda: here.reload_under_load(programs.HaproxyAsync)),
        ('Apache, 2 graceful restarts under load: no failed handshake', lambda: here.reload_under_load(programs.Apache, 2)),
        ('HAProxy in the foreground, RLIMIT_NPROC 0: everything inline', here.foreground_haproxy),
        ('HAProxy -W, chroot, user, RLIMIT_NPROC 0, io_thread at-fork: the thread signs', here.master_worker_at_fork),
        ('HAProxy -W, io_thread at-fork: connections are there before the first handshake',
         here.warm_before_the_first_handshake),
        ('HAProxy async -W: clients that go away in mid-job', here.aborts_in_mid_job),
        ('a forked child of a Python server starts nothing',
         lambda: here.child_starts_nothing(programs.Python, '/child', 'lazy')),
        ('a forked child of a Python server starts nothing, io_thread at-fork',
         lambda: here.child_starts_nothing(programs.Python, '/child', 'at-fork')),
        ('a CGI child of Apache prefork starts nothing', lambda: here.child_starts_nothing(ApacheCgi, '/cgi/child', 'lazy')),
        ('a CGI child of Apache prefork starts nothing, io_thread at-fork',
         lambda: here.child_starts_nothing(ApacheCgi, '/cgi/child', 'at-fork')),
        ("nginx's error log has QuorumInsufficient and the count of signers", here.errors_reach_the_log),
        ('openssl dgst, pkeyutl, cms, req, x509: signed or refused by name', lambda: here.tools(False)),
        ('curl --cert with a threshold key is refused by the default policy', lambda: here.client_keys(False)),
        ('curl --cert with a threshold key works when the policy allows it', allow_clients),
        ('openssl req -x509 and x509 -req work when the policy allows them', lambda: here.tools(True)),
    )
    try:
        if tap.run('a cluster with its keys and certificates', cluster):
            for name, body in tests:
                if options.only in name:
                    tap.run(name, body)
    finally:
        site.stop()
    status = tap.end()
    if status == 0 and not options.keep:
        site.remove()
    return status


if __name__ == '__main__':
    sys.exit(main())
