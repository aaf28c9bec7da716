import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place, Program } from './program.js'
import { app, needsCommand, pages, python } from './program.js'
import { http } from './protocols/http.js'

const requests = Object.entries(pages).map(([path, answer]) => ({ path, answer }))
/**
 * Slow requests only on new connections, and kept ones pause: the supervisor waits for a moment in which no connection
 * owes an answer.
 */
const protocol = () => http(requests, [requests[0]!])

/** With `@PORT@` and `@BACKEND@` filled in. */
function configure(file: string, { folder, port, backend }: Place): void {
  const text = readFileSync(app(file), 'utf8')
  const filled = text.replaceAll('@PORT@', String(port)).replaceAll('@BACKEND@', String(backend))
  writeFileSync(join(folder, file), filled)
}

const rates = { newPerSecond: 60, kept: 10, pauseMs: 2000 }

const service = ({ port }: Place, ...command: string[]) => ({
  command,
  replicas: 2,
  strategy: { rollingUpdate: { maxSurge: 2 } },
  listen: { http: `127.0.0.1:${port}` },
})

/** Servers in other languages. Each gets its listener from the supervisor. */
export const otherServers: Program[] = [
  {
    name: 'nginx',
    kept: 'closed',
    missing: () => needsCommand('nginx', 'nginx', '-v'),
    service(place) {
      configure('nginx.conf', place)
      const command = ['nginx', '-p', '.', '-c', 'nginx.conf', '-g', 'pid nginx.pid;']
      // nginx takes the listeners that its environment names, and finds out by their addresses which is which.
      return { ...service(place, ...command), env: { NGINX: '3;' } }
    },
    protocol,
    rates,
  },
  {
    name: 'haproxy',
    kept: 'closed',
    missing: () => needsCommand('haproxy', 'haproxy', '-v'),
    service(place) {
      configure('haproxy.cfg', place)
      return service(place, 'haproxy', '-db', '-f', 'haproxy.cfg')
    },
    protocol,
    rates,
  },
  {
    name: 'gunicorn',
    kept: 'closed',
    missing: () => needsCommand('gunicorn', 'gunicorn', '--version'),
    service(place) {
      copyFileSync(app('app_wsgi.py'), join(place.folder, 'app_wsgi.py'))
      return service(place, 'gunicorn', '--threads', '16', 'app_wsgi:app')
    },
    protocol,
    rates,
  },
  {
    name: 'uvicorn',
    kept: 'closed',
    missing: () => needsCommand('python3-uvicorn', python, '-m', 'uvicorn', '--version'),
    service(place) {
      copyFileSync(app('app_asgi.py'), join(place.folder, 'app_asgi.py'))
      return service(place, python, '-m', 'uvicorn', '--log-level', 'warning', '--fd', '3', 'app_asgi:app')
    },
    protocol,
    rates,
  },
  {
    name: 'puma',
    kept: 'closed',
    missing: () => needsCommand('puma', 'puma', '--version'),
    service(place) {
      copyFileSync(app('config.ru'), join(place.folder, 'config.ru'))
      const bind = `tcp://127.0.0.1:${place.port}`
      return service(place, 'puma', '--environment', 'production', '--threads', '16:16', '--bind', bind)
    },
    protocol,
    rates,
  },
  {
    name: "Python's http.server",
    kept: 'closed',
    missing: () => needsCommand('python3', python, '--version'),
    service: (place) => service(place, python, app('http_server.py')),
    protocol,
    rates,
  },
]
