#!/usr/bin/env python3
"""An https server with the key file in the place of a private key; one thread for each connection.
usage: python_server.py PORT CERTIFICATE KEY
GET /child forks a child as a CGI server does, and answers with the number of threads and of connected sockets that
the child began life with, the one of the request itself left out. GET /default answers 1 if the default provider is
active in this process, otherwise 0."""
import ctypes
import http.server
import os
import socket
import ssl
import stat
import sys
import threading


def count_in_child(request):
    """Runs in a forked child that has not run anything else."""
    connected = 0
    for name in os.listdir('/proc/self/fd'):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode) or int(name) == request.fileno():
                continue
            with socket.socket(fileno=os.dup(int(name))) as copy:
                copy.getpeername()
            connected += 1
        except OSError:
            continue
    return f"{len(os.listdir('/proc/self/task'))} {connected}\n".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'Hello\n'
        if self.path == '/child':
            read_end, write_end = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.write(write_end, count_in_child(self.connection))
                os._exit(0)
            os.waitpid(pid, 0)
            body = os.read(read_end, 100)
            os.close(read_end)
            os.close(write_end)
        if self.path == '/default':
            body = str(ctypes.CDLL('libcrypto.so.3').OSSL_PROVIDER_available(None, b'default')).encode() + b'\n'
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def finish_request(self, request, address):
        """On the connection's own thread: the handshake, then the request."""
        with context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, address)


port, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
threading.stack_size(512 * 1024)
Server(('127.0.0.1', int(port)), Handler).serve_forever()
