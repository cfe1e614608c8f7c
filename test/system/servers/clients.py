"""TLS clients: s_client, curl, Python and Node. Each verifies the certificate, or the check fails."""
import re
import socket
import ssl
import subprocess
import threading
import time

from .cluster import PLAIN, run
from .programs import find
from .tap import Failure, eventually, expect

SUITES_13 = ('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384')
SUITES_12 = ('ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384')
SHARE = {'X25519': 'X25519', 'P-256': 'prime256v1', 'P-384': 'secp384r1'}


class Handshake:
    """What s_client printed about one connection."""

    def __init__(self, text):
        self.text = text
        self.verified = 'Verify return code: 0 (ok)' in text
        self.resumed = bool(re.search(r'^Reused, TLS', text, re.M))
        self.full = bool(re.search(r'^New, TLS', text, re.M))
        self.hellos = len(re.findall(r'^>>> .*ClientHello', text, re.M))
        self.signed = bool(re.search(r'^<<< .*(CertificateVerify|ServerKeyExchange)', text, re.M))
        self.updates = (len(re.findall(r'^>>> .*KeyUpdate', text, re.M)), len(re.findall(r'^<<< .*KeyUpdate', text, re.M)))
        share = re.search(r'^Server Temp Key: (?:ECDH, )?(\S+?),', text, re.M)
        self.share = share.group(1) if share else None
        kind = re.search(r'^Peer signature type: (\S+)', text, re.M)
        self.signature = kind.group(1) if kind else None

    def summary(self):
        errors = [line for line in self.text.splitlines() if re.search(r'error|alert|errno|Verif|^New|^Reused|Temp Key', line)]
        return '\n'.join(errors[-8:]) or self.text[-400:]


def s_client_command(server, version, groups, options=()):
    return [find('openssl'), 's_client', '-connect', f'127.0.0.1:{server.port}', '-servername', 'localhost', '-verify_hostname',
            'localhost', '-CAfile', str(server.site.ca), '-verify_return_error', '-msg', *server.version_flags[version], '-groups', groups,
            *server.starttls, *map(str, options)]


def s_client(server, version='1.3', groups='X25519:P-256:P-384', options=(), send=b'', env=None):
    text = run(*s_client_command(server, version, groups, options), stdin=send, env=env, check=False, timeout=30)
    return Handshake(text)


def request_of(server):
    return b'GET / HTTP/1.0\r\n\r\n' if server.speaks_http else b'quit\r\n'


def handshake(server, version, group, suite):
    """One full handshake with these parameters and no others."""
    if version == '1.3':
        done = s_client(server, version, group, ('-ciphersuites', suite))
    else:
        # In TLS 1.2 the list also has to hold the certificate's curve; the server takes the first that it knows.
        curve = server.identity.curve
        done = s_client(server, version, group if group == curve else f'{group}:{curve}', ('-cipher', suite))
    where = f'TLS {version}, {group}, {suite}'
    expect(done.verified and done.full and done.signed, f'{where}: no verified handshake\n{done.summary()}')
    expect(f'TLSv{version}, Cipher is {suite}' in done.text, f'{where}: another suite was chosen\n{done.summary()}')
    expect(done.signature == 'ECDSA', f'{where}: signed with {done.signature}, not with the threshold key')
    if version == '1.3':
        expect(done.share == SHARE[group], f'{where}: the key share was {done.share}')


def resumption(server, version):
    """A second connection with the session of the first: no signature is made for it."""
    saved = server.home / f'session-{version}-{time.monotonic_ns()}'
    request = request_of(server)
    first = s_client(server, version, options=('-sess_out', saved, '-ign_eof'), send=request)
    expect(first.verified and first.signed, f'TLS {version}: no first connection\n{first.summary()}')
    expect(saved.exists(), f'TLS {version}: the server gave no session\n{first.summary()}')
    second = s_client(server, version, options=('-sess_in', saved, '-ign_eof'), send=request)
    expect(second.resumed and not second.signed, f'TLS {version}: not resumed\n{second.summary()}')


def hello_retry(server):
    """The client's only key share is for a group that the server does not take."""
    done = s_client(server, '1.3', 'P-521:P-256')
    expect(done.hellos == 2, f'{done.hellos} ClientHellos instead of two: no HelloRetryRequest\n{done.summary()}')
    expect(done.verified and done.share == SHARE['P-256'], f'after HelloRetryRequest\n{done.summary()}')


def key_update(server):
    """The client changes keys, asks the server to do so too, and goes on talking."""
    heard = server.home / f'key-update-{time.monotonic_ns()}'
    with open(heard, 'wb') as out:
        process = subprocess.Popen(s_client_command(server, '1.3', 'X25519:P-256'), stdin=subprocess.PIPE, stdout=out,
                                   stderr=subprocess.STDOUT, env=PLAIN)
    try:
        eventually(lambda: 'Verify return code' in heard.read_text(errors='replace'), 'a connection')
        process.stdin.write(b'K\n')  # s_client takes a command only at the start of what it reads
        process.stdin.flush()
        eventually(lambda: '>>> TLS 1.3, Handshake [length 0005], KeyUpdate' in heard.read_text(errors='replace'), 'a key update')
        process.stdin.write(request_of(server))
        process.stdin.flush()
        eventually(lambda: re.search('HTTP/1|221 ', heard.read_text(errors='replace')), 'an answer after the key update')
        process.stdin.close()
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    text = heard.read_text(errors='replace')
    done = Handshake(text)
    expect(done.verified and done.updates[0] >= 1 and done.updates[1] >= 1, f'key updates {done.updates}\n{done.summary()}')


def curl(server, version, options=(), env=None, check=True, path='/'):
    text = run(find('curl'), '-sS', '--max-time', 20, '--cacert', server.site.ca, f'--tlsv{version}', '--tls-max', version,
               '--resolve', f'localhost:{server.port}:127.0.0.1', *options, f'https://localhost:{server.port}{path}', env=env,
               check=check)
    if check:
        expect(text.strip(), 'curl got an empty page')
    return text


NODE_CLIENT = '''
const https = require('https'), fs = require('fs');
const v = 'TLSv' + process.argv[3];
https.get({host: '127.0.0.1', servername: 'localhost', port: Number(process.argv[1]), ca: fs.readFileSync(process.argv[2]),
  minVersion: v, maxVersion: v, headers: {host: 'localhost'}, agent: false}, (r) => {
  if (r.socket.getProtocol() !== v || !r.socket.authorized) process.exit(3);
  r.resume(); r.on('end', () => console.log('fetched'));
}).on('error', (e) => { console.log(e.message); process.exit(2); });
'''


def node(server, version):
    text = run(find('node', 'nodejs'), '-e', NODE_CLIENT, server.port, server.site.ca, version)
    expect('fetched' in text, text)


def client_context(ca, version='1.3'):
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version = context.maximum_version = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}[version]
    return context


def python(server, version='1.3', count=1, context=None):
    for _ in range(count):
        with socket.create_connection(('127.0.0.1', server.port), timeout=15) as raw:
            with (context or client_context(server.site.ca, version)).wrap_socket(raw, server_hostname='localhost') as tls:
                expect(tls.version() == f'TLSv{version}', f'TLS version {tls.version()}')


class Load:
    """Handshakes from several threads for as long as the block lasts; none may fail."""

    def __init__(self, server, clients=2, pause=0.02):
        self.server, self.clients, self.pause = server, clients, pause
        self.done, self.errors, self.stopping = 0, [], False
        self.threads = []

    def _work(self):
        context = client_context(self.server.site.ca)
        while not self.stopping:
            try:
                python(self.server, context=context)
                self.done += 1
            except (OSError, Failure) as error:
                self.errors.append(repr(error))
            time.sleep(self.pause)

    def __enter__(self):
        self.threads = [threading.Thread(target=self._work) for _ in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def check(self, at_least):
        expect(not self.errors, f'{len(self.errors)} of {len(self.errors) + self.done} handshakes failed: {self.errors[:3]}')
        expect(self.done >= at_least, f'only {self.done} handshakes')
        return f'{self.done} handshakes, none failed'

