"""A live cluster for the sections that need one, and the programs that load it."""
import contextlib
import json
import pathlib
import random
import signal
import subprocess
import time
import types

import figures
from servers import openssl_conf
from servers.cluster import PLAIN, Cluster
from servers.tap import Failure

PROGRAMS = ['signerd/signerd', 'tools/quorate', 'provider/quorate.so']
HANDSHAKES = ['tls13-server-certificate-verify', 'tls12-server-key-exchange']
NO_LIMIT = [{'who': f'{who}/*', 'keys': ['*'], 'contexts': HANDSHAKES, 'rate': 0} for who in ('frontend', 'coordinator')] + [
    {'who': 'admin/*', 'keys': ['*'], 'contexts': ['pkcs10-certification-request'], 'keygen': True}]
TWO_CORES = 'Caller, signers, servers and clients share the processors of this one machine.'


@contextlib.contextmanager
def cluster(site, target=300, batch=256, env=None, **signer):
    """2 of 3 on loopback with full pools. Pools hold up to `target` + `batch`: large batches are seldom due, so that
    most calls are made while none is."""
    made = Cluster(site.source, site.build, random.randrange(20000, 32000, 400))
    made.signer_env = env or {}
    try:
        made.start()
        for number in made.numbers:
            made.edit_signer(number, pool={'min': 16, 'target': target}, presign={'batch': batch}, policy=NO_LIMIT, **signer)
        made.restart_all()
        fill(site, made, min(target, 300))
        yield made
    finally:
        made.stop()
        made.remove()


def fill(site, made, at_least):
    """A key that nobody uses keeps pool.min only: hence the signatures in between."""
    for attempt in range(12):
        run(site, 'sign_calls', *sign_options(made), '--no-floor', '--warm-up', 0, '--blocks', 1, '--block', 1)
        try:
            return made.wait_for_pools(3, at_least, 10)
        except Failure:
            if attempt == 11:
                raise


def pids(made):
    return [process if isinstance(process, int) else process.pid for process in made.signers.values()]


def conf(made, provider, name):
    """An openssl.cnf as users have it, with this provider.json."""
    path = made.top / f'{name}.cnf'
    path.write_text(openssl_conf.configuration((made.root / 'conf/openssl.cnf').read_text(), openssl_conf.ORDERS['default first'],
                                               made.module, provider, ''))
    return path


def run(site, program, *options, env=None, timeout=300):
    """One of the programs of this directory; the object that it prints."""
    done = subprocess.run([str(site.build / 'test/bench' / program), *map(str, options)], env={**PLAIN, **(env or {})},
                          capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'{program}: status {done.returncode}: {done.stderr.strip()[-2000:]}')
    return json.loads(done.stdout)


def sign_options(made, provider=None, name='calls', peers=None):
    return ['--conf', conf(made, provider or made.provider_json, name), '--key', made.dir / 'frontend/key.pem', '--tls', made.dir / 'frontend',
            '--peers', peers or made.threshold]


def sign_calls(site, made, blocks, block, *more, idle=True, **where):
    """Blocks of sign calls and of bare fan-outs by turns; `idle`: while no presignatures are made."""
    idle = ['--signers', *pids(made)] if idle else []
    return types.SimpleNamespace(**run(site, 'sign_calls', *sign_options(made, **where), '--blocks', blocks, '--block', block, *more, *idle))


@contextlib.contextmanager
def calling(site, made, rate):
    """Meanwhile another process makes sign calls at this rate."""
    options = [*sign_options(made, name='beside'), '--no-floor', '--blocks', 1, '--block', int(rate * 120), '--rate', rate]
    with subprocess.Popen([str(site.build / 'test/bench/sign_calls'), *map(str, options)], env=PLAIN, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as caller:
        try:
            time.sleep(0.5)
            yield
            if caller.poll() is not None:
                raise RuntimeError(f'sign_calls ended too early, with status {caller.returncode}')
        finally:
            caller.kill()


def background_ns(made):
    """CPU time of the signers' threads that make presignatures: all but the main one."""
    tasks = [task for pid in pids(made) for task in pathlib.Path(f'/proc/{pid}/task').iterdir() if task.name != str(pid)]
    return sum(int((task / 'schedstat').read_text().split()[0]) for task in tasks)


def of_blocks(blocks, percent):
    return [figures.percentile(block, percent) for block in blocks]


def median(values):
    return figures.percentile(values, 50)


def percentile_series(title, blocks):
    """For a chart of latency against percentile."""
    everything = [value for block in blocks for value in block]
    return figures.Series(title, [(p, figures.percentile(everything, p)) for p in (1, 5, 10, 25, 50, 75, 90, 95, 97, 98, 99, 99.5)])


def pause(made):
    for number in made.numbers:
        made.signal_signer(number, signal.SIGSTOP)


def resume(made):
    """And waits until its signers have found each other alive."""
    for number in made.numbers:
        made.signal_signer(number, signal.SIGCONT)
    made.wait_for_pools(3, 16, 30)
