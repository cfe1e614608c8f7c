#!/usr/bin/env python3
"""s_server and nginx with the module under a memory checker: no error and no leak with one of our frames in it.

usage: memcheck.py --tool valgrind|asan --source DIR --build DIR [--module FILE] [--port P] [--keep]
  valgrind   any build of the module
  asan       --module names one that was built with -Db_sanitize=address
The servers' own leaks are not ours to judge. TAP output."""
import argparse
import pathlib
import random
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from servers import clients, openssl_conf, programs  # noqa: E402
from servers.cluster import PLAIN, Cluster  # noqa: E402
from servers.tap import Failure, Tap, eventually, expect  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parent
VALGRIND = ['valgrind', '--trace-children=yes', '--leak-check=full', '--show-leak-kinds=definite,indirect', '--num-callers=40',
            '--child-silent-after-fork=no', '--error-limit=no', '--track-fds=no']


def reports(text):
    """The checker's reports, each one text with its stack."""
    if '== ' in text and 'AddressSanitizer' not in text and 'LeakSanitizer' not in text:
        lines = [re.sub(r'^==\d+== ?', '', line) for line in text.splitlines() if line.startswith('==')]
        blocks = re.split(r'\n\s*\n', '\n'.join(lines))
        return [b for b in blocks if re.search(r'^\s+(at|by) 0x', b, re.M)]
    blocks = re.split(r'\n\s*\n', text)
    return [b for b in blocks if re.search(r'^\s+#\d+ 0x', b, re.M)]


def ours(text, module):
    """Reports with one of our frames. Under fork and teardown both checkers name the file or the function."""
    name = pathlib.Path(module).name
    return [r for r in reports(text) if name in r or 'quorate::' in r]


class Checked:
    """Runs a server of `kind` under the checker."""

    def __init__(self, site, tool, module):
        self.site, self.tool, self.module, self.number = site, tool, module, 0

    def server(self, kind, plant=False):
        checker, tool = self, self.tool
        preloaded = self.site.build / 'test/system/preloaded.so'
        self.number += 1
        home = self.site.top / f'{tool}-{self.number}'
        provider = self.site.new_frontend(f'checked{self.number}', deadline_ms=20000)
        conf = self.site.top / f'{tool}-{self.number}.cnf'
        conf.write_text(openssl_conf.configuration((self.site.root / 'conf/openssl.cnf').read_text(),
                                                   openssl_conf.ORDERS['default first'], self.module, provider, ''))

        class UnderCheck(kind):
            def command(self, *options):
                plain = [str(c) for c in super().command(*options)]
                if tool == 'valgrind':
                    return [*VALGRIND, f'--log-file={self.home}/check.%p', *plain]
                return plain

            def prepare(self):
                super().prepare()
                self.home.chmod(0o777)  # where workers under another user write their reports
                self.env['LD_PRELOAD'] = str(preloaded)
                if plant:
                    self.env['PLANT'] = '1'
                if tool == 'asan':
                    runtime = subprocess.run(['g++', '-print-file-name=libasan.so'], capture_output=True, text=True, check=True)
                    self.env['LD_PRELOAD'] = f'{runtime.stdout.strip()} {preloaded}'
                    self.env['ASAN_OPTIONS'] = f'detect_leaks=1:exitcode=0:log_path={self.home}/check:halt_on_error=0'

            def found(self):
                return '\n\n'.join(p.read_text(errors='replace') for p in sorted(self.home.glob('check.*')))

        return UnderCheck(checker.site, home, checker.site.port(), conf, checker.site.identities['P-256'])

    def control(self):
        """A server with a leak and an error that the test must see."""
        server = self.server(programs.SServer, plant=True)
        try:
            server.start()
            handshakes(0)(server)
        finally:
            server.stop()
        bad = '\n\n'.join(ours(server.found(), self.module))
        expect('leak' in bad.lower() or 'lost' in bad, f'the planted leak was not seen:\n{server.found()[-3000:]}')
        if self.tool == 'valgrind':
            expect('uninitialised' in bad, f'the planted error was not seen:\n{server.found()[-3000:]}')
        return 'seen'

    def judge(self, kind, use):
        server = self.server(kind)
        try:
            server.start()
            use(server)
        except Failure as failure:
            raise Failure(f'{failure}\n{server.logs()[-2000:]}\n{server.found()[-2000:]}') from None
        finally:
            server.stop()
        text = server.found()
        if self.tool == 'valgrind':
            expect('ERROR SUMMARY' in text, f'the checker has said nothing of {kind.name}:\n{text[-500:]}')
        bad = ours(text, self.module)
        expect(not bad, f'{len(bad)} reports with our frames, the first:\n' + '\n\n'.join(bad[:3])[:6000])
        return f'{len(reports(text))} reports of the server itself, none with our frames'


def handshakes(count):
    def use(server):
        eventually(lambda: clients.s_client(server).verified, 'a first handshake', 90, 0.5)
        for i in range(count):
            done = clients.s_client(server, '1.3' if i % 2 else '1.2')
            expect(done.verified and done.signed, done.summary())
    return use


def refused(server):
    """Handshakes while no signer is there: the error paths."""
    eventually(lambda: clients.s_client(server).verified, 'a first handshake', 90, 0.5)
    for number in (1, 2):
        server.site.stop_signer(number)
    for _ in range(3):
        done = clients.s_client(server)
        expect(not done.verified or not done.signed, 'signed without a quorum')
    for number in (1, 2):
        server.site.start_signer(number)
    server.site.wait()
    eventually(lambda: clients.s_client(server).verified, 'a handshake after the signers are back', 90, 0.5)


def reloaded(server):
    handshakes(2)(server)
    server.reload()
    handshakes(2)(server)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--tool', choices=('valgrind', 'asan'), required=True)
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--module', type=pathlib.Path)
    parser.add_argument('--port', type=int, default=random.randrange(20000, 32000, 400))
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    tap = Tap()
    site = Cluster(options.source, options.build, options.port)
    module = options.module or site.module
    try:
        site.start()
        checked = Checked(site, options.tool, module)
        tap.run(f'{options.tool}: what is planted is seen', checked.control)
        tap.run(f'{options.tool}: s_server, 10 handshakes', lambda: checked.judge(programs.SServer, handshakes(10)))
        tap.run(f'{options.tool}: s_server -async', lambda: checked.judge(programs.SServerAsync, handshakes(6)))
        tap.run(f'{options.tool}: s_server, signers lost and back', lambda: checked.judge(programs.SServer, refused))
        tap.run(f'{options.tool}: nginx, master and worker, with a reload', lambda: checked.judge(programs.NginxOne, reloaded))
    except Failure as failure:
        tap.fail('a cluster for the tests', str(failure))
    finally:
        site.stop()
    if not options.keep and not tap.failures:
        site.remove()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
