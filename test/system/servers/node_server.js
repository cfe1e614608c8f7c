// An https server with the key file in the place of a private key. usage: node_server.js PORT CERTIFICATE KEY
'use strict';
const fs = require('fs');
const https = require('https');

const [port, certificate, key] = process.argv.slice(2);
const options = {cert: fs.readFileSync(certificate), key: fs.readFileSync(key), ecdhCurve: 'X25519:P-256:P-384'};
https.createServer(options, (request, response) => response.end('Hello\n')).listen(Number(port), '127.0.0.1');
