"""Real servers, each started from the sample in conf/ where there is one. A test changes a sample in paths,
ports and numbers of workers only (openssl_conf.replaced), so that what users copy is what was tested."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

from .cluster import PLAIN
from .openssl_conf import replaced
from .tap import Failure, Unavailable, eventually, expect

HERE = pathlib.Path(__file__).resolve().parent


def find(program, *others):
    for name in (program, *others):
        path = shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin')
        if path:
            return path
    raise Failure(f'{program} is not installed; tools/install-packages test installs it')


def need_root(why):
    if os.geteuid() != 0:
        raise Unavailable(f'{why} needs root')


def children(pid):
    path = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
    return [int(c) for c in path.read_text().split()] if path.exists() else []


class Server:
    """One running server. `home` is a directory of its own; `conf` the OPENSSL_CONF it runs with."""
    name = 'server'
    starttls = ()           # what s_client has to be told
    speaks_http = True
    version_flags = {'1.2': ('-tls1_2',), '1.3': ('-tls1_3',)}   # how s_client is held to a version
    peers = False           # asks clients for certificates and holds an ordinary EC key too
    provider_changes = {}   # what its provider.json has besides
    log_to_file = False     # our own log goes to a file
    tells_of_default = False
    without_tls = ''        # what it says if it goes on without

    def __init__(self, site, home, port, conf, identity):
        self.site, self.home, self.port, self.conf, self.identity = site, pathlib.Path(home), port, conf, identity
        self.home.mkdir(parents=True)
        self.home.chmod(0o755)
        self.process = None
        self.log = self.home / 'output.log'
        self.env = {**PLAIN, 'OPENSSL_CONF': str(conf)}

    # What each program is: files, the command line, and how it is told to reload.
    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def sample(self, name):
        return (self.site.root / 'conf' / name).read_text()

    def start(self):
        self.prepare()
        self.launch()
        self.wait()
        return self

    def launch(self, **popen):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([str(c) for c in self.command()], env=self.env, cwd=self.home,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            **popen)

    def wait(self):
        def listens():
            expect(self.process.poll() is None, f'{self.name} ended with status {self.process.poll()}:\n{self.logs()}')
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', self.port)) == 0
        eventually(listens, f'{self.name} listens', 20)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.end_signal)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            raise Failure(f'{self.name} did not end within 10 s of its signal') from None

    end_signal = signal.SIGTERM
    log_files = ()

    def logs(self):
        parts = [self.log.read_text(errors='replace')] if self.log.exists() else []
        files = map(self.home.joinpath, (*self.log_files, 'provider.log'))
        parts += [path.read_text(errors='replace') for path in files if path.exists()]
        return '\n'.join(parts)

    def workers(self):
        """The processes that sign."""
        return children(self.process.pid) or [self.process.pid]

    def combined(self, name='www.pem', key_first=False):
        """Certificate, chain and key file in one."""
        parts = [self.identity.chain.read_text(), self.identity.key.read_text()]
        path = self.home / name
        path.write_text(''.join(reversed(parts) if key_first else parts))
        return path


class Nginx(Server):
    name = 'nginx'
    sample_name = 'nginx.conf'
    log_files = ('error.log',)
    worker_count = 4
    second = None

    def prepare(self):
        text = self.sample('nginx.conf')
        text = replaced(text, 'worker_processes 4;', f'worker_processes {self.worker_count};')
        text = replaced(text, '/run/nginx.pid', f'{self.home}/nginx.pid')
        text = replaced(text, '/var/log/nginx/error.log', f'{self.home}/error.log')
        text = replaced(text, 'listen 443', f'listen 127.0.0.1:{self.port}')
        text = replaced(text, 'ssl_certificate     /etc/quorate/www.crt;', f'ssl_certificate {self.identity.chain};')
        text = replaced(text, 'ssl_certificate_key /etc/quorate/key.pem;', f'ssl_certificate_key {self.identity.key};')
        if self.second:
            text = replaced(text, '#ssl_certificate     /etc/quorate/www-rsa.crt', f'ssl_certificate {self.second.chain}')
            text = replaced(text, '#ssl_certificate_key /etc/quorate/www-rsa.key', f'ssl_certificate_key {self.second.key}')
        # Debian's directories for temporary files are root's.
        temporary = ''.join(f'{kind}_temp_path {self.home}/{kind}; ' for kind in ('proxy', 'fastcgi', 'uwsgi', 'scgi'))
        text = replaced(text, 'http {\n', f'http {{ {temporary}client_body_temp_path {self.home}/body;\n')
        if os.geteuid() != 0:
            text = replaced(text, 'user www-data;\n', '')
        (self.home / 'nginx.conf').write_text(text)

    def command(self, *options):
        return [find('nginx'), '-e', self.home / 'error.log', '-p', self.home, '-c', self.home / 'nginx.conf', '-g', 'daemon off;',
                *options]

    def reload(self):
        old = set(self.workers())
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: not old & set(self.workers()) and len(self.workers()) == len(old), 'nginx has new workers only', 20)


class NginxOne(Nginx):
    worker_count = 1


class NginxTwo(Nginx):
    """An RSA certificate beside ours."""

    def prepare(self):
        self.second = self.site.identities['rsa']
        super().prepare()


class Haproxy(Server):
    """In the foreground, as one process; drops to another user and into an empty root if it may."""
    name = 'haproxy'
    sample_name = 'haproxy.cfg'
    threads = 2
    options = ('-db',)
    delete_extension = False

    def certificate(self):
        return self.combined()

    def prepare(self):
        text = self.sample(self.sample_name)
        text = replaced(text, 'bind :443', f'bind 127.0.0.1:{self.port}')
        text = replaced(text, 'ssl crt /etc/quorate/www.pem', f'ssl crt {self.certificate()}')
        for number in (1, 2):
            if f'nbthread {number}' in text:
                text = replaced(text, f'nbthread {number}', f'nbthread {self.threads}')
                break
        if self.delete_extension:
            text = replaced(text, '#ssl-load-extra-del-ext', 'ssl-load-extra-del-ext')
        (self.home / 'root').mkdir()
        text = replaced(text, 'chroot /var/lib/haproxy', f'chroot {self.home}/root')
        if os.geteuid() != 0:
            for line in ('    user haproxy\n', '    group haproxy\n', f'    chroot {self.home}/root\n'):
                text = replaced(text, line, '')
        (self.home / 'haproxy.cfg').write_text(text)

    def command(self, *options):
        return [find('haproxy'), *self.options, '-f', self.home / 'haproxy.cfg', *options]


class HaproxyOneThread(Haproxy):
    threads = 1


class HaproxyMaster(Haproxy):
    """Master and worker: the worker is forked, put into its root and its user, and may start no thread."""
    options = ('-W',)

    def reload(self):
        old = set(self.workers())
        self.process.send_signal(signal.SIGUSR2)
        eventually(lambda: set(self.workers()) - old, 'haproxy has a new worker', 20)


class HaproxyBeside(Haproxy):
    """www.crt with www.key beside it."""
    delete_extension = True

    def certificate(self):
        (self.home / 'www.crt').write_text(self.identity.chain.read_text())
        (self.home / 'www.key').write_text(self.identity.key.read_text())
        return self.home / 'www.crt'


class HaproxyBundle(Haproxy):
    """www.pem.ecdsa is ours, www.pem.rsa an ordinary key. HAProxy 2.6 chooses by the suites of TLS 1.2, so that a
    client without any gets the RSA certificate, whatever kind of key the other one has."""
    version_flags = {'1.2': ('-tls1_2',), '1.3': ('-min_protocol', 'TLSv1.2')}

    def certificate(self):
        self.combined('www.pem.ecdsa', key_first=True)
        rsa = self.site.identities['rsa']
        (self.home / 'www.pem.rsa').write_text(rsa.chain.read_text() + rsa.key.read_text())
        return self.home / 'www.pem'


class HaproxyAsync(HaproxyMaster):
    sample_name = 'haproxy-async.cfg'
    threads = 1
    provider_changes = {'io_thread': 'at-fork'}


class HaproxyAsyncForeground(Haproxy):
    sample_name = 'haproxy-async.cfg'
    threads = 1


class SServer(Server):
    name = 's_server'
    options = ()

    def chain_options(self):
        """-cert takes the server's own certificate only."""
        certificates = self.identity.chain.read_text().split('-----BEGIN')[2:]
        if not certificates:
            return []
        (self.home / 'chain.crt').write_text(''.join('-----BEGIN' + c for c in certificates))
        return ['-cert_chain', self.home / 'chain.crt']

    def prepare(self):
        text = self.sample('s_server.sh')
        text = replaced(text, '/etc/quorate/openssl.cnf', str(self.conf))
        text = replaced(text, '-accept 4433', f'-accept 127.0.0.1:{self.port}')
        text = replaced(text, '/etc/quorate/www.crt', str(self.identity.chain))
        text = replaced(text, '/etc/quorate/key.pem', str(self.identity.key))
        (self.home / 's_server.sh').write_text(text)

    def command(self):
        return ['/bin/sh', self.home / 's_server.sh', *self.chain_options(), *self.options]


class SServerAsync(SServer):
    options = ('-async',)


class SServerPeers(SServer):
    """Verifies a client certificate on an ordinary EC key, and has such a key for another name itself."""
    peers = True

    def command(self):
        local = self.site.identities['local']
        return [*super().command(), '-Verify', '2', '-verify_return_error', '-CAfile', self.site.ca, '-servername',
                'local.example', '-cert2', local.chain, '-key2', local.key]


class Apache(Server):
    name = 'apache'
    mpm = 'event'
    extra = ''
    log_files = ('error.log',)

    def prepare(self):
        (self.home / 'html').mkdir()
        (self.home / 'html/index.html').write_text('Hello\n')
        text = self.sample('apache.conf')
        text = replaced(text, '/run/apache2/apache2.pid', f'{self.home}/apache.pid')
        text = replaced(text, '/var/log/apache2/error.log', f'{self.home}/error.log')
        text = replaced(text, '/var/lock/apache2', str(self.home))
        text = replaced(text, '/run/apache2/ssl_scache', f'{self.home}/ssl_scache')
        text = replaced(text, 'Listen 443', f'Listen 127.0.0.1:{self.port}')
        text = replaced(text, '*:443', f'127.0.0.1:{self.port}')
        text = replaced(text, '/var/www/html', f'{self.home}/html')
        text = replaced(text, '    SSLCertificateFile    /etc/quorate/www.crt', f'    SSLCertificateFile {self.identity.chain}')
        text = replaced(text, 'KeyFile /etc/quorate/key.pem', f'KeyFile {self.identity.key}')
        text = replaced(text, 'LoadModule mpm_event_module modules/mod_mpm_event.so',
                        f'LoadModule mpm_{self.mpm}_module modules/mod_mpm_{self.mpm}.so')
        if os.geteuid() != 0:
            text = replaced(text, 'User www-data\nGroup www-data\n', '')
        (self.home / 'apache.conf').write_text(text + self.extra)

    def command(self):
        return [find('apache2'), '-DFOREGROUND', '-f', self.home / 'apache.conf']

    def reload(self):
        old = set(self.workers())
        self.process.send_signal(signal.SIGUSR1)
        eventually(lambda: set(self.workers()) - old, 'apache has new workers', 20)


class ApachePrefork(Apache):
    mpm = 'prefork'


class Socat(Server):
    """Loads the key once and forks for every connection; the child signs."""
    name = 'socat'
    def prepare(self):
        (self.home / 'answer.sh').write_text("read -r request; printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nHello\\n'\n")

    def command(self):
        return [find('socat'), f'OPENSSL-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork,verify=0,'
                f'cert={self.identity.chain},key={self.identity.key}', f'EXEC:/bin/sh {self.home}/answer.sh']


class Postfix(Server):
    """smtpd with STARTTLS. Every smtpd process loads the key itself. Postfix hands its daemons no more of the
    environment than import_environment names."""
    name = 'postfix'
    without_tls = 'disabling TLS support'
    log_to_file = True      # its daemons have no standard error
    starttls = ('-starttls', 'smtp')
    speaks_http = False
    log_files = ('mail.log',)

    def prepare(self):
        if not os.path.exists('/usr/lib/postfix/sbin/master') and os.path.exists('/usr/sbin/sendmail'):
            raise Unavailable('another mail server is installed, whose place tools/install-packages does not take')
        find('postfix')
        need_root('postfix')
        etc, queue, data = (self.home / name for name in ('etc', 'queue', 'data'))
        for directory in (etc, queue, data):
            directory.mkdir()
        shutil.chown(data, 'postfix')
        (self.home / 'mail.log').touch()
        (etc / 'main.cf').write_text(f'''
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
maillog_file = {self.home}/mail.log
maillog_file_prefixes = {self.home}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ OPENSSL_CONF={self.conf}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination = localhost
alias_maps =
alias_database =
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.identity.chain}
smtpd_tls_key_file = {self.identity.key}
smtpd_tls_eecdh_grade = auto
tls_eecdh_auto_curves = X25519 prime256v1 secp384r1
smtpd_tls_session_cache_database = btree:${{data_directory}}/smtpd_scache
smtpd_tls_loglevel = 1
''')
        (etc / 'master.cf').write_text(f'''
127.0.0.1:{self.port} inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
''')

    def command(self):
        return [find('postfix'), '-c', self.home / 'etc', 'start-fg']

    def stop(self):
        """The master is not the process that was started here: it says its number itself."""
        file = self.home / 'queue/pid/master.pid'
        if self.process is not None and self.process.poll() is None and file.exists() and file.read_text().strip():
            os.kill(int(file.read_text()), signal.SIGTERM)
            self.process.wait(10)
        else:
            super().stop()


class Node(Server):
    name = 'node'

    def command(self):
        # Without this option Node looks into a section of its own, nodejs_conf, instead of openssl_conf.
        return [find('node', 'nodejs'), '--openssl-shared-config', HERE / 'node_server.js', self.port, self.identity.chain,
                self.identity.key]


class Python(Server):
    name = 'python'
    tells_of_default = True

    def command(self):
        return [sys.executable, '-B', HERE / 'python_server.py', self.port, self.identity.chain, self.identity.key]
