import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './program.js'
import { app, fromNpm, needsPackage } from './program.js'
import { http, request } from './protocols/http.js'
import { Wire } from './wire.js'

/** Applications on Node that take seconds to start. The supervisor finds out what they listen on. */
export const applications: Program[] = [
  {
    name: 'verdaccio',
    kept: 'served',
    missing: () => needsPackage('verdaccio'),
    service({ folder, port }) {
      const all = { access: '$all', publish: '$all' }
      const config = { storage: './storage', packages: { '**': all }, log: { type: 'stdout', level: 'warn' } }
      writeFileSync(join(folder, 'verdaccio.yaml'), JSON.stringify(config))
      return {
        command: [
          'node',
          fromNpm('verdaccio/bin/verdaccio'),
          '--config',
          'verdaccio.yaml',
          '--listen',
          `127.0.0.1:${port}`,
        ],
      }
    },
    async protocol({ port }) {
      const tarball = Buffer.alloc(30_000, 'a tarball ').toString('latin1')
      await publish(port, tarball)
      return http([
        { path: '/-/ping', answer: '{}\n' },
        { path: '/some-package', answer: /"name": "some-package"[^]*"latest": "1\.0\.0"[^]*\}\s*$/ },
        { path: '/some-package/-/some-package-1.0.0.tgz', answer: tarball },
      ])
    },
  },
  {
    name: 'node-red',
    kept: 'served',
    missing: () => needsPackage('node-red'),
    service({ folder, port }) {
      copyFileSync(app('node-red-settings.cjs'), join(folder, 'settings.cjs'))
      copyFileSync(app('node-red-flows.json'), join(folder, 'flows.json'))
      return {
        command: ['node', fromNpm('node-red/red.js'), '--settings', join(folder, 'settings.cjs')],
        env: { APP_PORT: port, USER_DIR: folder },
        // It listens long before its flows run.
        readinessProbe: { httpGet: { path: '/hello', port }, periodSeconds: 0.1 },
      }
    },
    protocol: () =>
      http([
        { path: '/hello', answer: 'hello from a flow' },
        { path: '/slow', answer: 'hello from a slow flow' },
      ]),
  },
]

async function publish(port: number, tarball: string): Promise<void> {
  const name = 'some-package'
  const file = `${name}-1.0.0.tgz`
  const dist = { tarball: `http://127.0.0.1:${port}/${name}/-/${file}` }
  const body = JSON.stringify({
    _id: name,
    name,
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name, version: '1.0.0', dist } },
    _attachments: {
      [file]: { data: Buffer.from(tarball).toString('base64'), length: tarball.length },
    },
  })
  const wire = await Wire.open(port)
  const headers = ['Content-Type: application/json']
  await request(
    wire,
    { path: `/${name}`, method: 'PUT', headers, body, status: 201, answer: /"success": true/ },
    'close',
  )
  wire.close()
}
