import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './program.js'
import { fromNpm, needsPackage } from './program.js'
import { http } from './protocols/http.js'

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

/** Servers of files on Node. The supervisor finds out what they listen on. */
export const fileServers: Program[] = [
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
]
