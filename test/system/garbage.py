#!/usr/bin/env python3
"""What hostile clients send to a signer's port: it must close such connections and live on."""
import argparse, os, socket, ssl, sys

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
options = parser.parse_args()


def connect():
    return socket.create_connection(('127.0.0.1', options.port), timeout=5)


for size in (1, 100, 100_000):
    with connect() as s:
        try:
            s.sendall(os.urandom(size))
        except OSError:
            pass
half_open = [connect() for _ in range(300)]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with connect() as raw:
    try:
        with context.wrap_socket(raw) as tls:
            tls.sendall(b'\xff' * 64)   # no client certificate: the signer ends it
            tls.settimeout(5)
            got = tls.recv(1)
            if got:
                sys.exit('a signer talked to a client without a certificate')
    except OSError:
        pass
for s in half_open:
    s.close()
with connect():
    print('the port still accepts')
