"""Coordinators in processes of their own, for a cluster that runs already."""
import shutil
import signal
import subprocess

from .cluster import PLAIN, run


class Tier:
    def __init__(self, site, count=2, env=None):
        self.site, self.processes, self.ports, self.env = site, {}, {}, {**PLAIN, **(env or {})}
        for number in range(1, count + 1):
            self._prepare(number)
            self.start(number)
        self.provider_json = self._front_end()

    def _prepare(self, number):
        site, home = self.site, self.site.dir / f'coordinator-{number}'
        self.ports[number] = site.port()
        run(site.quorate, 'init', 'coordinator', '--dir', home, '--cluster', 'demo', '--name', f'c{number}')
        run(site.quorate, 'ca', 'sign', '--ca', site.dir / 'ca', '--csr', home / 'tls.csr', '--out', home / 'tls.crt')
        for file in (site.dir / 'ca/ca.crt', site.dir / 'group.json'):
            shutil.copy(file, home)
        shutil.copy(site.dir / 'frontend/key.pem', home / 'web.pem')
        run(site.quorate, 'group', 'coordinator', '--group', home / 'group.json', '--listen', f'127.0.0.1:{self.ports[number]}',
            '--key', 'web=web.pem', '--out', home / 'coordinatord.json')

    def _front_end(self):
        """The provider.json of a front end that knows no signer."""
        path = self.site.new_frontend('tier')
        path.unlink()
        names = [option for number, port in self.ports.items() for option in ('--coordinator', f'c{number}=127.0.0.1:{port}')]
        run(self.site.quorate, 'group', 'provider', '--group', path.with_name('group.json'), *names, '--out', path)
        return path

    def start(self, number):
        home = self.site.dir / f'coordinator-{number}'
        with open(home / 'coordinatord.log', 'ab') as log:
            self.processes[number] = subprocess.Popen([self.site.build / 'signerd/coordinatord', '--config', home / 'coordinatord.json'],
                                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)

    def kill(self, number, how=signal.SIGKILL):
        process = self.processes.pop(number)
        process.send_signal(how)
        process.wait(10)

    def stop(self):
        for number in list(self.processes):
            self.kill(number, signal.SIGTERM)
