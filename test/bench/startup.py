"""From starting the daemons of a cluster that has its key to the first handshake that it signs."""
import json
import subprocess
import time

import live
from figures import Figure, Goal, Section
from servers import programs
from servers.cluster import PLAIN

TARGETS = [*live.PROGRAMS, 'test/bench/sign_calls', 'test/bench/tls_clients']


def measure(site):
    took = []
    with live.cluster(site) as made:
        server = programs.NginxOne(made, made.top / 'nginx-cold', made.port(), live.conf(made, made.provider_json, 'cold'), made.identities['P-256'])
        try:
            server.start()
            for i in range(site.repetitions):
                for number in made.numbers:
                    made.stop_signer(number)
                client = subprocess.Popen([str(site.build / 'test/bench/tls_clients'), '--port', str(server.port), '--ca', str(made.ca), '--first'],
                                          stdout=subprocess.PIPE, text=True, env=PLAIN)
                try:
                    time.sleep(1.5)  # nginx has noticed that nobody is there
                    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
                    for number in made.numbers:
                        made.start_signer(number)
                    text, _ = client.communicate(timeout=40)
                finally:
                    if client.poll() is None:
                        client.kill()
                        client.wait()
                took.append(json.loads(text)['at_us'] / 1e3 - begun * 1e3)
                site.say(f'{i + 1} of {site.repetitions}: {took[-1]:.0f} ms')
        finally:
            server.stop()
    return Section('Start-up', figures=[Figure.of('cold_start_ms', took, 'ms', goal=Goal(at_most=1000),
                                                  text='three signerd started (key and state there, memory empty) until the first handshake with nginx succeeds')],
                   notes=['nginx runs all the time; a client asks it for a handshake again and again, 2 ms after each failure, and begins while no signer is '
                          f'there. In between lie links with TLS, the pairs\' base OT and a first batch of presignatures. {live.TWO_CORES}'])
