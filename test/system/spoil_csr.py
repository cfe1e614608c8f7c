#!/usr/bin/env python3
"""Changes one byte of a CSR's names and has it signed; passes on what the CLI says."""
import base64, subprocess, sys, tempfile, textwrap

quorate, ca, csr, out = sys.argv[1:]
lines = [l for l in open(csr).read().splitlines() if l and not l.startswith('-----')]
der = bytearray(base64.b64decode(''.join(lines)))
at = der.find(b'quorate:')
der[at + len(b'quorate:')] ^= 1
text = '\n'.join(['-----BEGIN CERTIFICATE REQUEST-----', *textwrap.wrap(base64.b64encode(der).decode(), 64),
                  '-----END CERTIFICATE REQUEST-----', ''])
with tempfile.NamedTemporaryFile('w', suffix='.csr') as file:
    file.write(text)
    file.flush()
    done = subprocess.run([quorate, 'ca', 'sign', '--ca', ca, '--csr', file.name, '--out', out],
                          capture_output=True, text=True)
print(done.stdout, done.stderr)
sys.exit(done.returncode)
