"""A live cluster on loopback, made by tools/quickstart, with keys on two curves and certificates for them."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .tap import Failure, eventually, expect

PLAIN = {k: v for k, v in os.environ.items() if k not in ('OPENSSL_CONF', 'OPENSSL_MODULES', 'SSL_CERT_FILE')}


def run(*command, env=None, stdin=b'', timeout=60, check=True, cwd=None):
    """Runs a command to its end; its output, both streams, as text."""
    done = subprocess.run([str(c) for c in command], env=env or PLAIN, input=stdin, timeout=timeout, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors='replace')
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: status {done.returncode}\n{text}")
    return text


class Identity:
    """A certificate and the key file or key that belongs to it; `chain` is what servers send."""

    def __init__(self, directory, chain, key, curve):
        self.directory, self.chain, self.key, self.curve = directory, chain, key, curve


class Cluster:
    def __init__(self, root, build, base_port, signers=3, threshold=2):
        self.root, self.build, self.base = pathlib.Path(root), pathlib.Path(build), base_port
        self.numbers, self.threshold = tuple(range(1, signers + 1)), threshold
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='quorate-matrix.'))
        self.top.chmod(0o755)
        self.dir = self.top / 'cluster'
        self.quorate = self.build / 'tools/quorate'
        self.module = self.build / 'provider/quorate.so'
        self.provider_json = self.dir / 'frontend/provider.json'
        self.ca = self.dir / 'web-ca/ca.crt'
        self.signers = {}  # id -> Popen, or the number of a process that quickstart started
        self.signer_env = {}  # what start_signer puts into a signer's environment besides
        self.identities = {}
        self._port = base_port + 100
        self._variants = 0

    def port(self):
        """A port that nobody here has had and nobody else has now."""
        while True:
            self._port += 1
            with socket.socket() as probe:
                try:
                    probe.bind(('127.0.0.1', self._port))
                    return self._port
                except OSError:
                    continue

    # ---- life ----

    def start(self, deadline_ms=3000):
        """What most tests are about is whether servers work, on whatever machine, and not how fast: hence the deadline."""
        run(self.root / 'tools/quickstart', '--keep', '--dir', self.dir, '--build', self.build, '--base-port', self.base,
            '--signers', len(self.numbers), '--threshold', self.threshold, timeout=900)
        env = (self.dir / 'env').read_text()
        for number, pid in enumerate(re.search(r'SIGNER_PIDS="([\d ]+)"', env).group(1).split(), 1):
            self.signers[number] = int(pid)
        self.edit_provider(self.provider_json, deadline_ms=deadline_ms)
        self.identities['P-256'] = Identity(self.dir / 'frontend', self.dir / 'frontend/web.crt',
                                            self.dir / 'frontend/key.pem', 'P-256')
        self.wait()

    def wait(self, seconds=90):
        """Until every signer is up and every pool is full."""
        run(self.quorate, 'status', '--config', self.dir / 'admin/provider.json', '--wait', seconds, timeout=seconds + 20)

    def mesh_is_whole(self):
        """Whether, by their logs, all signers have links to all others. Key generation wants that."""
        for number in self.signers:
            up = set()
            for line in (self.dir / f'signer-{number}/signerd.log').read_text().splitlines():
                entry = json.loads(line) if line.startswith('{') else {}
                if entry.get('event') == 'started':
                    up.clear()
                elif entry.get('event') == 'peer_up':
                    up.add(entry['peer'])
                elif entry.get('event') == 'peer_down':
                    up.discard(entry['peer'])
            if len(up) != len(self.signers) - 1:
                return False
        return True

    def stop(self):
        for number in list(self.signers):
            self.stop_signer(number)
        if (self.dir / 'env').exists():
            run(self.root / 'tools/quickstart', '--stop', '--dir', self.dir, check=False)

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)

    # ---- signers ----

    def _is_signer(self, number, pid):
        try:
            return f'signer-{number}/signerd.json' in pathlib.Path(f'/proc/{pid}/cmdline').read_text()
        except OSError:
            return False

    def signal_signer(self, number, what):
        process = self.signers[number]
        pid = process if isinstance(process, int) else process.pid
        expect(self._is_signer(number, pid), f'signer {number} does not run')
        os.kill(pid, what)

    def stop_signer(self, number, how=signal.SIGTERM):
        process = self.signers.pop(number)
        pid = process if isinstance(process, int) else process.pid
        if self._is_signer(number, pid):
            os.kill(pid, how)
            os.kill(pid, signal.SIGCONT)  # it may be stopped
        if not isinstance(process, int):
            process.wait(10)
        else:
            eventually(lambda: not self._is_signer(number, pid), f'signer {number} ends')

    def start_signer(self, number, fault='', versions=''):
        """signerd, or with a fault (test/system/faulty) the one that lies after SIGUSR1, or speaks other versions."""
        home = self.dir / f'signer-{number}'
        command, env = [self.build / 'signerd/signerd', '--config', home / 'signerd.json'], {**PLAIN, **self.signer_env}
        if fault or versions:
            command = [self.build / 'test/system/faulty_signerd', home / 'signerd.json']
            env.update((name, value) for name, value in (('QUORATE_FAULT', fault), ('QUORATE_VERSIONS', versions)) if value)
        with open(home / 'signerd.log', 'ab') as log:
            self.signers[number] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def edit_signer(self, number, **changes):
        path = self.dir / f'signer-{number}/signerd.json'
        config = json.loads(path.read_text())
        config.update(changes)
        path.write_text(json.dumps(config, indent=2))

    def log(self, number, event=None):
        """The events of one signer's log, of all its processes, oldest first; those of one kind if `event` is given."""
        entries = self._lines(self.dir / f'signer-{number}/signerd.log')
        return [entry for entry in entries if event in (None, entry.get('event'))]

    # ---- pools ----

    def status(self):
        """What `quorate status` says of each signer that answers: by its number."""
        text = subprocess.run([str(self.quorate), '--json', 'status', '--config', str(self.dir / 'admin/provider.json')], env=PLAIN,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=False).stdout.decode()
        signers = json.loads(text)['signers'] if text.strip() else []
        return {signer['id']: signer for signer in signers if signer['up']}

    def pools(self):
        """Presignatures by quorum, for live ones (every member answers and is linked to the others): the fewest that one
        of them has. A leader that does not know yet that a member was restarted still counts what that one has lost."""
        status, pools = self.status(), {}
        for signer in status.values():
            for key in signer['keys']:
                for pool in key['pools']:
                    quorum = tuple(pool['quorum'])
                    if all(member in status and set(quorum) <= {member, *status[member]['linked']} for member in quorum):
                        pools[quorum] = min(pools.get(quorum, pool['available']), pool['available'])
        return pools

    def wait_for_pools(self, quorums, at_least, seconds=60):
        """Until so many quorums are live, and each has as many presignatures."""
        def filled():
            pools = self.pools()
            return len(pools) >= quorums and min(pools.values()) >= at_least
        try:
            eventually(filled, f'{quorums} quorums have {at_least} presignatures each', seconds, 0.2)
        except Failure as failure:
            raise Failure(f'{failure}; at the end {self.pools()}') from None

    def restart_all(self):
        for number in self.numbers:
            self.stop_signer(number)
        for number in self.numbers:
            self.start_signer(number)
        time.sleep(0.5)
        self.wait()

    def allow(self, contexts):
        """Lets front ends sign in these contexts too, by what an administrator would write in signerd.json."""
        for number in self.numbers:
            path = self.dir / f'signer-{number}/signerd.json'
            config = json.loads(path.read_text())
            ordinary = ['tls13-server-certificate-verify', 'tls12-server-key-exchange']
            config['policy'] = [
                {'who': 'frontend/*', 'keys': ['*'], 'contexts': ordinary + contexts, 'rate': 1000},
                {'who': 'admin/*', 'keys': ['*'], 'contexts': ['pkcs10-certification-request'], 'keygen': True}]
            path.write_text(json.dumps(config, indent=2))
        self.restart_all()

    def audit(self):
        """What the signers wrote down, oldest first of each signer. Lines are written whole, but a running signer's last
        one may not be there yet, and a killed one leaves a piece."""
        return [entry for number in self.numbers for entry in self._lines(self.dir / f'signer-{number}/audit.log')]

    @staticmethod
    def _lines(path):
        entries = []
        for line in path.read_text(errors='replace').splitlines() if path.exists() else []:
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    # ---- keys and certificates ----

    def make_p384(self):
        """A second key of the same cluster, and a certificate for it."""
        eventually(self.mesh_is_whole, 'all signers are linked', 20)
        home = self.dir / 'p384'
        home.mkdir()
        run(self.quorate, 'keygen', '--config', self.dir / 'admin/provider.json', '--group', self.dir / 'group.json', '--name',
            'web384', '--threshold', 2, '--curve', 'P-384', '--out', home / 'key.pem', timeout=300)
        self.wait(240)
        self.identities['P-384'] = self._certify(home, 'sha384')

    def _certify(self, home, digest):
        admin = {**PLAIN, 'OPENSSL_CONF': str(self.dir / 'admin/openssl.cnf')}
        run('openssl', 'req', '-new', f'-{digest}', '-key', home / 'key.pem', '-subj', '/CN=localhost', '-addext',
            'subjectAltName=DNS:localhost,IP:127.0.0.1', '-out', home / 'web.csr', env=admin)
        self.sign_request(home / 'web.csr', home / 'web.crt')
        return Identity(home, home / 'web.crt', home / 'key.pem', 'P-384')

    def sign_request(self, request, out, ca=None):
        ca = ca or self.ca
        run('openssl', 'x509', '-req', '-in', request, '-CA', ca, '-CAkey', ca.with_suffix('.key'), '-CAcreateserial', '-days', 30,
            '-copy_extensions', 'copyall', '-out', out)

    def make_local(self, name, algorithm, *options, names='DNS:localhost,IP:127.0.0.1'):
        """An ordinary key with a certificate of the same CA."""
        home = self.dir / name
        home.mkdir()
        run('openssl', 'req', '-new', '-newkey', algorithm, *options, '-nodes', '-keyout', home / 'key.pem', '-subj',
            f'/CN={name}', '-addext', f'subjectAltName={names}', '-out', home / 'web.csr')
        (home / 'key.pem').chmod(0o600)
        self.sign_request(home / 'web.csr', home / 'web.crt')
        return Identity(home, home / 'web.crt', home / 'key.pem', name)

    def make_large_chain(self):
        """Seven intermediates with 3 kB of comment each: more than one TLS record."""
        home = self.dir / 'large'
        home.mkdir()
        above, chain = self.ca, []
        for depth in range(7):
            request, cert = home / f'ca{depth}.csr', home / f'ca{depth}.crt'
            run('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
                home / f'ca{depth}.key', '-subj', f'/CN=Intermediate {depth}', '-addext', 'basicConstraints=critical,CA:TRUE',
                '-addext', 'nsComment=' + 'x' * 3000, '-out', request)
            self.sign_request(request, cert, above)
            above = cert
            chain.insert(0, cert)
        p256 = self.identities['P-256']
        self.sign_request(self.dir / 'admin/web.csr', home / 'leaf.crt', above)
        whole = home / 'web.crt'
        whole.write_text(''.join(c.read_text() for c in [home / 'leaf.crt', *chain]))
        expect(whole.stat().st_size > 20000, 'the chain is not large')
        return Identity(home, whole, p256.key, 'P-256')

    def provider_with(self, **changes):
        """A provider.json of the front end "web" that has these keys besides."""
        if not changes:
            return self.provider_json
        self._variants += 1
        path = self.provider_json.with_name(f'provider-{self._variants}.json')
        shutil.copy(self.provider_json, path)
        return self.edit_provider(path, **changes)

    def new_frontend(self, name, **changes):
        """Another front end's directory with a TLS certificate of its own: its provider.json."""
        changes.setdefault('deadline_ms', 3000)
        home = self.dir / name
        run(self.quorate, 'init', 'frontend', '--dir', home, '--cluster', 'demo', '--name', name)
        run(self.quorate, 'ca', 'sign', '--ca', self.dir / 'ca', '--csr', home / 'tls.csr', '--out', home / 'tls.crt')
        for file in ('ca/ca.crt', 'group.json'):
            shutil.copy(self.dir / file, home)
        run(self.quorate, 'group', 'provider', '--group', home / 'group.json', '--out', home / 'provider.json')
        return self.edit_provider(home / 'provider.json', **changes)

    @staticmethod
    def edit_provider(path, **changes):
        config = json.loads(path.read_text())
        config.update(changes)
        path.write_text(json.dumps(config, indent=2))
        return path
