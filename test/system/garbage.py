#!/usr/bin/env python3
"""What hostile clients send to a signer's port: it must close every such connection and serve others meanwhile."""
import argparse
import os
import socket
import ssl
import struct
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
parser.add_argument('--identity', required=True, help='directory with tls.crt, tls.key and ca.crt of an administrator')
options = parser.parse_args()
PATIENCE = 15  # seconds; a handshake may take 10


def connect():
    return socket.create_connection(('127.0.0.1', options.port), timeout=PATIENCE)


def closed(s, what):
    """Reads until the other side ends the connection; a time-out is a failure."""
    try:
        while s.recv(4096):
            pass
    except TimeoutError:
        sys.exit(f'{what}: the signer left the connection open')
    except OSError:
        pass
    print(f'{what}: closed')


def tls(with_certificate):
    context = ssl.create_default_context(cafile=f'{options.identity}/ca.crt')
    context.check_hostname = False
    if with_certificate:
        context.load_cert_chain(f'{options.identity}/tls.crt', f'{options.identity}/tls.key')
    return context.wrap_socket(connect())


def frame(type_, payload_size, version=1):
    return struct.pack('>IBB', 34 + payload_size, version, type_) + bytes(32)


for size in (1, 100, 100_000):
    with connect() as s:
        try:
            s.sendall(os.urandom(size))
            if size == 1:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        closed(s, f'{size} bytes of noise')

half_open = [connect() for _ in range(300)]  # more than the signer lets in at once
with tls(True) as s:
    if not s.recv(4):
        sys.exit('an administrator is not served while 300 connections hang')
    print('300 half-open connections: an administrator is served all the same')

with tls(False) as s:
    closed(s, 'no client certificate')
HELLO, STATUS_REQUEST = 1, 50
for what, data in (('a hello of 2 GiB', frame(HELLO, 1 << 31)), ('a hello that is too long', frame(HELLO, 166)),
                   ('an unknown type', frame(255, 0)), ('a version that nobody speaks', frame(HELLO, 100, version=200)),
                   ('a length below the header', struct.pack('>I', 3) + bytes(100)),
                   ('a request before the hello', frame(STATUS_REQUEST, 32) + bytes(32)),
                   ('a hello of zeros', frame(HELLO, 165) + bytes(165))):
    with tls(True) as s:
        try:
            s.sendall(data)
        except OSError:
            pass
        closed(s, what)
deadline = time.monotonic() + PATIENCE
for s in half_open:
    s.settimeout(max(0.1, deadline - time.monotonic()))
    closed_quietly = False
    try:
        closed_quietly = s.recv(1) == b''
    except TimeoutError:
        sys.exit('a half-open connection is still open after the time a handshake may take')
    except OSError:
        closed_quietly = True
    if not closed_quietly:
        sys.exit('a signer talked to a client that said nothing')
    s.close()
print('300 half-open connections: all closed')
