import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './program.js'
import { app, fromNpm, needsPackage } from './program.js'
import { graphqlOverSse } from './protocols/graphql-sse.js'
import { http } from './protocols/http.js'
import { mqtt } from './protocols/mqtt.js'
import { smtp } from './protocols/smtp.js'

const page = `<!doctype html><title>A page</title>${'<p>Some text.</p>'.repeat(400)}`
const script = `console.log(${JSON.stringify('x'.repeat(50_000))})`

function writeSite(folder: string): string {
  const site = join(folder, 'site')
  mkdirSync(site)
  writeFileSync(join(site, 'index.html'), page)
  writeFileSync(join(site, 'script.js'), script)
  return site
}
const siteRequests = [
  { path: '/', answer: page },
  { path: '/script.js', answer: script },
]

/** Servers on Node. The supervisor finds out what they listen on. */
export const nodeServers: Program[] = [
  {
    name: 'serve',
    kept: 'served',
    missing: () => needsPackage('serve'),
    service({ folder, port }) {
      writeSite(folder)
      const listen = `tcp://127.0.0.1:${port}`
      return {
        command: ['node', fromNpm('serve/build/main.js'), '--listen', listen, '-L', '-u', 'site'],
        replicas: 2,
      }
    },
    protocol: () => http(siteRequests),
  },
  {
    name: 'http-server',
    kept: 'served',
    missing: () => needsPackage('http-server'),
    service({ folder, port }) {
      writeSite(folder)
      return {
        command: [
          'node',
          fromNpm('http-server/bin/http-server'),
          'site',
          '--silent',
          '-a',
          '127.0.0.1',
          '-p',
          `${port}`,
        ],
        replicas: 2,
      }
    },
    protocol: () => http(siteRequests),
  },
  {
    name: 'graphql-yoga',
    kept: 'served',
    missing: () => needsPackage('graphql-yoga'),
    service: ({ port }) => ({ command: ['node', app('graphql-yoga.cjs')], env: { PORT: port }, replicas: 2 }),
    protocol: () => graphqlOverSse,
  },
  {
    name: 'aedes',
    kept: 'closed',
    missing: () => needsPackage('aedes'),
    service: ({ port }) => ({
      command: ['node', app('aedes.cjs')],
      env: { PORT: port },
      replicas: 2,
      // A kept connection of an unknown protocol stays until then.
      drain: { timeoutSeconds: 2 },
    }),
    protocol: () => mqtt,
  },
  {
    name: 'smtp-server',
    kept: 'closed',
    missing: () => needsPackage('smtp-server'),
    service: ({ port }) => ({
      command: ['node', app('smtp-server.cjs')],
      env: { PORT: port },
      replicas: 2,
      // A kept connection of an unknown protocol stays until then.
      drain: { timeoutSeconds: 2 },
    }),
    protocol: () => smtp,
  },
]
