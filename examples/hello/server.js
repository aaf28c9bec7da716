// An ordinary Node service, with no code for upgrades, signals or handover.
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'

const routes = {
  '/': (request, response) => response.end(`hello from process ${process.pid}\n`),

  '/healthz': (request, response) => response.end('ok\n'),

  '/slow': (request, response, url) => {
    setTimeout(() => response.end('slow, but whole\n'), Number(url.searchParams.get('ms') ?? 1000))
  },

  '/upload': (request, response) => {
    const hash = createHash('sha256')
    request.on('data', (chunk) => hash.update(chunk))
    request.on('end', () => response.end(`${hash.digest('hex')}\n`))
  },

  '/stream': (request, response, url) => {
    let left = Number(url.searchParams.get('lines') ?? 100)
    const timer = setInterval(() => {
      if (left-- > 0) return response.write(`line ${left}\n`)
      clearInterval(timer)
      response.end()
    }, 10)
    response.on('close', () => clearInterval(timer))
  },
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const route = routes[url.pathname]
  if (route) return route(request, response, url)
  response.statusCode = 404
  response.end('not found\n')
}).listen(process.env.PORT ?? 3000)
