// The service of the benchmark: the smallest honest one.
require('node:http')
  .createServer((request, response) => response.end('hello'))
  .listen(Number(process.env.PORT), () => process.send?.('ready'))
