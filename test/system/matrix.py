#!/usr/bin/env python3
"""Real servers with the module against a live cluster: {server} x {TLS version, curve} x {activation order}.

usage: matrix.py --source DIR --build DIR [--half quick|slow] [--only TEXT] [--port P] [--keep]
       matrix.py --source DIR --table write|check       the table in provider/README.md
TAP output; each row names server, TLS version, curve of the certificate and order of activation."""
import argparse
import pathlib
import random
import sys

sys.dont_write_bytecode = True
from servers import clients, openssl_conf, rows  # noqa: E402
from servers.cluster import Cluster, run  # noqa: E402
from servers.tap import Failure, Tap, Unavailable, eventually, expect  # noqa: E402

BEGIN, END = '<!-- matrix: written by test/system/matrix.py -->\n', '<!-- end of matrix -->\n'
#: The one line that explains what is lost where EC keys of the application resolve to the module.
WARNING = 'ECDHE over P-256, P-384 and P-521 will fail'


def table(source, mode):
    """Status 0 if provider/README.md holds the table of rows.py."""
    path = source / 'provider/README.md'
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        print(f'{path} has no place for the matrix')
        return 1
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + rows.markdown() + END + after
    if mode == 'write':
        path.write_text(wanted)
        return 0
    if wanted != text:
        print(f'{path}: the matrix is not that of test/system/servers/rows.py; matrix.py --table write')
        return 1
    print('the table is that of the tests')
    return 0


class Matrix:
    def __init__(self, site, tap):
        self.site, self.tap = site, tap
        self.number = 0

    def openssl_cnf(self, order, provider_json):
        path = self.site.top / f'openssl-{self.number}.cnf'
        sample = (self.site.root / 'conf/openssl.cnf').read_text()
        path.write_text(openssl_conf.configuration(sample, openssl_conf.ORDERS[order], self.site.module, provider_json,
                                                   self.site.build / 'test/system/fips_like.so'))
        return path

    def server(self, kind, identity, order):
        self.number += 1
        home = self.site.top / f'server-{self.number}'
        changes = dict(kind.server.provider_changes)
        if kind.server.log_to_file:
            changes['log'] = {'file': str(home / 'provider.log'), 'level': 'warning'}
        conf = self.openssl_cnf(order, self.site.provider_with(**changes))
        return kind.server(self.site, home, self.site.port(), conf, identity)

    def row(self, row):
        identity = self.site.identities['large' if row.large_chain else row.curve]
        works = openssl_conf.ORDERS[row.order].works
        server = self.server(row.kind, identity, row.order)
        try:
            if works == 'nothing':
                self.tap.run(row.name('1.3'), lambda: self.has_no_ciphers(server))
                return
            if works == 'warned':
                self.tap.run(row.name('1.3'), lambda: self.warns(row, server))
                return
            try:
                server.start()
            except (Failure, Unavailable) as why:
                reason = why

                def repeat():
                    raise reason
                for version in ('1.3', '1.2'):
                    self.tap.run(row.name(version), repeat)
                return
            for version in ('1.3', '1.2'):
                self.tap.run(row.name(version), lambda v=version: self.version(row, server, v))
        finally:
            try:
                server.stop()
            except Failure as failure:
                self.tap.fail(f'{row.kind.name} ends when it is told to', str(failure))

    # ---- what is asked of a server ----

    def version(self, row, server, version):
        try:
            if server.peers:
                self.peers(server, version)
            elif row.thorough:
                self.thorough(row, server, version)
            elif row.large_chain:
                self.large_chain(server, version)
            else:
                self.basic(row, server, version)
            expect(WARNING not in server.logs(), 'the log warns although all works')
            if server.tells_of_default:
                self.default_provider(row, server, version)
        except Failure as failure:
            raise Failure(f'{failure}\nlast lines of the server:\n' + '\n'.join(server.logs().splitlines()[-12:])) from None

    @staticmethod
    def default_provider(row, server, version):
        """It is active unless something else was said to stand in its place; then nothing may pull it in."""
        wanted = '0' if openssl_conf.ORDERS[row.order].fips_like else '1'
        found = clients.curl(server, version, path='/default').strip()
        expect(found == wanted, f'default provider active: {found}, expected {wanted}')

    @staticmethod
    def basic(row, server, version):
        if version == '1.3':
            clients.handshake(server, version, row.kind.groups[0], clients.SUITES_13[0])
            clients.handshake(server, version, 'P-256', clients.SUITES_13[1])
        else:
            clients.handshake(server, version, 'P-256', clients.SUITES_12[0])

    @staticmethod
    def thorough(row, server, version):
        for group in row.kind.groups[:None if version == '1.3' else 2]:
            for suite in clients.SUITES_13 if version == '1.3' else clients.SUITES_12:
                clients.handshake(server, version, group, suite)
        clients.resumption(server, version)
        if version == '1.3':
            if row.kind.retry:
                clients.hello_retry(server)
            clients.key_update(server)
        if server.speaks_http:
            clients.curl(server, version)
            clients.node(server, version)
            clients.python(server, version, 5)

    @staticmethod
    def large_chain(server, version):
        done = clients.s_client(server, version, options=('-showcerts',))
        expect(done.verified and done.signed, done.summary())
        expect(done.text.count('BEGIN CERTIFICATE') == 8, f"{done.text.count('BEGIN CERTIFICATE')} certificates were sent")

    def peers(self, server, version):
        """The process that has our key verifies ECDSA certificates and signs with EC keys of its own."""
        local = self.site.identities['local']
        credentials = ('-cert', local.chain, '-key', local.key)
        done = clients.s_client(server, version, options=credentials)
        expect(done.verified and done.signed, f'with a client certificate\n{done.summary()}')
        expect('depth=0' in server.logs(), 'the server verified no client certificate')
        other = run(clients.find('openssl'), 's_client', '-connect', f'127.0.0.1:{server.port}', '-servername', 'local.example',
                    '-verify_hostname', 'local.example', '-CAfile', self.site.ca, '-verify_return_error',
                    *server.version_flags[version], *credentials, check=False)
        expect('Verify return code: 0 (ok)' in other, f'with the local EC key\n{clients.Handshake(other).summary()}')
        expect('CN = local' in other, 'another certificate was shown')
        clients.s_client(server, version)
        eventually(lambda: 'peer did not return a certificate' in server.logs(), 'a client without a certificate is refused', 5)

    @staticmethod
    def warns(row, server):
        """Without quorate-load-default and with the module first, EC keys resolve to the module."""
        try:
            server.start()
            lost = clients.s_client(server, '1.3', 'P-256', peer_options(server))
            expect(not lost.signed, 'P-256 works: the table says that it does not')
            note = 'it starts'
            if 'X25519' in row.kind.groups:
                done = clients.s_client(server, '1.3', 'X25519', peer_options(server))
                expect(done.verified and done.signed, f'X25519 should work\n{done.summary()}')
                note = 'it serves over X25519'
        except Failure as failure:
            if server.process.poll() is None:
                raise
            note = str(failure)[-300:]
        eventually(lambda: WARNING in server.logs(), f'the log says why P-256 does not work; it has\n{server.logs()[-600:]}', 3)
        return note

    @staticmethod
    def has_no_ciphers(server):
        server.prepare()
        server.launch()

        def serves_nothing():
            """Ended, or (Postfix, whose master goes on) its log says that there is no TLS."""
            if server.process.poll() is not None:
                return True
            return server.without_tls and not clients.s_client(server).signed and server.without_tls in server.logs()
        eventually(serves_nothing, 'a server without ciphers ends or has no TLS', 20, 0.5)
        expect(server.process.poll() != 0, 'it ended with status 0')
        return '\n'.join(line[:160] for line in server.logs().splitlines()[-3:])


def peer_options(server):
    local = server.site.identities['local']
    return ('-cert', local.chain, '-key', local.key) if server.peers else ()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path)
    parser.add_argument('--half', choices=('quick', 'slow', 'all'), default='quick')
    parser.add_argument('--only', default='', help='rows whose name has this text in it')
    parser.add_argument('--port', type=int, default=random.randrange(20000, 30000, 500))
    parser.add_argument('--keep', action='store_true', help='leave the files')
    parser.add_argument('--table', choices=('write', 'check'))
    options = parser.parse_args()
    if options.table:
        return table(options.source.resolve(), options.table)

    chosen = [row for row in rows.rows() if options.half == 'all' or row.quick == (options.half == 'quick')]
    chosen = [row for row in chosen if options.only in row.name('1.3')]
    tap = Tap()
    site = Cluster(options.source.resolve(), options.build.resolve(), options.port)
    try:
        def cluster():
            site.start()
            if any(row.curve == 'P-384' for row in chosen):
                site.make_p384()
            site.identities['rsa'] = site.make_local('rsa', 'rsa:2048')
            site.identities['local'] = site.make_local('local', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                                                       names='DNS:local.example')
            if any(row.large_chain for row in chosen):
                site.identities['large'] = site.make_large_chain()
        if tap.run('a cluster with its keys and certificates', cluster):
            matrix = Matrix(site, tap)
            for row in chosen:
                matrix.row(row)
    finally:
        site.stop()
    status = tap.end()
    if status == 0 and not options.keep:
        site.remove()
    return status


if __name__ == '__main__':
    sys.exit(main())
