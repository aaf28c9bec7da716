// The service of the benchmark as PM2's documentation wants it: says "ready", and closes its server on SIGINT.
const server = require('node:http').createServer((request, response) => response.end('hello'))
server.listen(Number(process.env.PORT), () => process.send?.('ready'))
process.on('SIGINT', () => server.close(() => process.exit(0)))
