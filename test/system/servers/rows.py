"""The matrix as data: what is run, and the table in provider/README.md that a test holds to it."""
import dataclasses

from . import programs
from .openssl_conf import ORDERS

FIRST = 'default first'


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to run one server, and what of the probes it is fit for."""
    name: str
    server: type
    large_chain: bool = False
    groups: tuple = ('X25519', 'P-256', 'P-384')   # those that the server takes
    retry: bool = True                             # it takes no P-521, so that HelloRetryRequest can be had


KINDS = (
    Kind('nginx, 1 worker', programs.NginxOne),
    Kind('nginx, 4 workers', programs.Nginx, large_chain=True),
    Kind('nginx, RSA certificate beside', programs.NginxTwo),
    Kind('HAProxy, 1 thread, foreground', programs.HaproxyOneThread),
    Kind('HAProxy, 2 threads, foreground', programs.Haproxy, large_chain=True),
    Kind('HAProxy, master-worker, chroot, user', programs.HaproxyMaster),
    Kind('HAProxy, key beside certificate', programs.HaproxyBeside),
    Kind('HAProxy, ECDSA and RSA bundle', programs.HaproxyBundle),
    Kind('HAProxy async, foreground', programs.HaproxyAsyncForeground),
    Kind('HAProxy async, master-worker, at-fork', programs.HaproxyAsync),
    Kind('s_server', programs.SServer, large_chain=True),
    Kind('s_server -async', programs.SServerAsync),
    Kind('s_server, client certificates and a local EC key', programs.SServerPeers),
    Kind('Apache httpd, event', programs.Apache),
    Kind('Apache httpd, prefork', programs.ApachePrefork),
    Kind('Postfix smtpd, STARTTLS', programs.Postfix),
    Kind('socat, forks per connection', programs.Socat, groups=('P-256',)),
    Kind('Node.js https', programs.Node),
    Kind('Python ssl', programs.Python, retry=False),
)


@dataclasses.dataclass(frozen=True)
class Row:
    kind: Kind
    curve: str
    order: str
    quick: bool
    thorough: bool            # all groups, suites, clients, resumption, key update
    large_chain: bool = False

    def name(self, version):
        chain = ', large chain' if self.large_chain else ''
        return f'{self.kind.name}{chain} | TLS {version} | {self.curve} | {self.order}'


def rows():
    """Everything; `quick` marks the half that is run at every check."""
    for kind in KINDS:
        for curve in ('P-256', 'P-384'):
            quick = curve == 'P-256' or kind.server is programs.NginxOne
            yield Row(kind, curve, FIRST, quick, True)
        if kind.large_chain:
            yield Row(kind, 'P-256', FIRST, kind.server is programs.SServer, False, large_chain=True)
        for order in ORDERS:
            if order == FIRST:
                continue
            for curve in ('P-256', 'P-384'):
                # One program shows every order quickly; the others those that differ in kind.
                telling = order in ('default after', 'default absent', 'FIPS-like after, ?fips=yes')
                quick = curve == 'P-256' and (kind.server in (programs.SServer, programs.SServerPeers) or
                                              (telling and kind.server in (programs.NginxOne, programs.HaproxyMaster)))
                yield Row(kind, curve, order, quick, False)


def markdown():
    """One line for each server, one column for each order: which curves are served in TLS 1.2 and 1.3."""
    table = {}
    for row in rows():
        if not row.large_chain:
            table.setdefault(row.kind.name, {}).setdefault(row.order, []).append(row)
    out = ['| | activation order | works |', '|---|---|---|']
    meaning = {'all': 'everything', 'warned': 'no ECDHE over NIST curves, as the log says',
               'nothing': 'nothing: no ciphers, as the server says'}
    letters = {order: chr(ord('a') + i) for i, order in enumerate(ORDERS)}
    out += [f'| {letters[name]} | {name} | {meaning[order.works]} |' for name, order in ORDERS.items()]
    out += ['', '| server | ' + ' | '.join(letters.values()) + ' |', '|---|' + '---|' * len(letters)]
    for kind in KINDS:
        cells = []
        for order in ORDERS:
            found = table[kind.name].get(order, [])
            cells.append(', '.join(row.curve[2:] + ('*' if row.quick else '') for row in found))
        out.append(f'| {kind.name} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(out) + '\n'
