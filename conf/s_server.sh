#!/bin/sh
# openssl s_server with a Quorate key, to try an installation without a web server:
#   curl --cacert ca.crt https://www.example.org:4433/
# The key file stands where a private key would, and the environment names the OpenSSL configuration. With -async
# the handshake is set aside while the signers work, as in HAProxy's ssl-mode-async. Options go on to s_server;
# intermediate certificates are named by -cert_chain chain.crt.
OPENSSL_CONF=/etc/quorate/openssl.cnf
export OPENSSL_CONF
exec openssl s_server -accept 4433 -www \
  -cert /etc/quorate/www.crt -key /etc/quorate/key.pem \
  -groups X25519:P-256:P-384 "$@"
