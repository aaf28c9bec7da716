import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { CommandResult, Systemd } from '@handover/testkit'
import { bootSystemd, freePort } from '@handover/testkit'
import type { Status } from 'handover/model'
import type { Load } from '../../dist/verify/index.js'
import { loadFor } from '../load.js'

const bin = fileURLToPath(import.meta.resolve('handover/bin'))

/** An unmodified release that answers with its name. */
export const release = (name: string): string => `require('node:http').createServer((request, response) => {
  response.end(${JSON.stringify(name)})
}).listen(process.env.PORT)
`

/** A supervisor with two instances, as a unit that `handover systemd` has written, under a real systemd. */
export interface Unit {
  systemd: Systemd
  port: number
  /** Runs `handover <args>` beside the unit, in the same namespaces. */
  handover(...args: string[]): Promise<CommandResult>
  status(): Promise<Status>
  /** Replaces the service's program on disk. */
  write(source: string): void
  /** Rewrites the configuration file with these listeners. */
  configure(listeners: string[]): void
  /** The supervisor's log. */
  log(): string
  show(...properties: string[]): Promise<Record<string, string>>
}

export interface UnitOptions {
  /** Arguments of `handover systemd`. */
  emit?: string[]
  /** Arguments of `handover run` in the unit. */
  run?: string[]
  /** Whether the port is in the application instead of in `-p`. Default false. */
  discovered?: boolean
  /** Names of the listeners in a configuration file. The first one has the port. Default: no file. */
  config?: string[]
  /** Lines of a drop-in. */
  dropIn?: string[]
  /** Changes the text of a unit before it is installed. */
  edit?: (text: string, name: string) => string
}

export async function openUnit(
  t: TestContext,
  { emit = [], run = [], discovered = false, config, dropIn = [], edit = (text) => text }: UnitOptions = {},
): Promise<Unit> {
  const systemd = await bootSystemd()
  t.after(() => systemd.close())
  const port = await freePort()
  const { folder } = systemd
  const inFolder = (...args: string[]) =>
    systemd.run(
      '/bin/sh',
      '-c',
      'cd "$1" && shift && exec "$@"',
      'sh',
      folder,
      process.execPath,
      bin,
      ...args,
    )
  const write = (source: string) => writeFileSync(join(folder, 'app.cjs'), source)
  write(release('one'))
  const furtherPort = await freePort()
  const configure = (listeners: string[]) => {
    const listen = Object.fromEntries(
      listeners.map((name, index) => [name, `127.0.0.1:${index === 0 ? port : furtherPort}`]),
    )
    const app = { command: [process.execPath, 'app.cjs'], replicas: 2, listen }
    writeFileSync(join(folder, 'handover.config.json'), JSON.stringify({ services: { app } }))
  }
  if (config) configure(config)

  const address = discovered ? ['-e', `PORT=${port}`] : ['-p', `http=127.0.0.1:${port}`]
  const emitted = await inFolder(
    ...['systemd', '--name', 'web', '--json', ...emit],
    ...(config ? [] : ['--', 'app.cjs', '-i', '2', ...address, ...run]),
  )
  assert.equal(emitted.code, 0, emitted.stderr)
  const units = JSON.parse(emitted.stdout) as { name: string; text: string }[]
  const log = join(folder, 'supervisor.log')
  await systemd.install({
    ...Object.fromEntries(units.map(({ name, text }) => [name, edit(text, name)])),
    ...Object.fromEntries(
      units.map(({ name }) => [`${name}.d/dependencies.conf`, '[Unit]\nDefaultDependencies=no\n']),
    ),
    'web.service.d/test.conf': [
      '[Service]',
      `StandardOutput=append:${log}\nStandardError=append:${log}`,
      ...dropIn,
      '',
    ].join('\n'),
  })
  return {
    systemd,
    port,
    write,
    configure,
    handover: (...args) => inFolder(...args, '--name', 'web'),
    async status() {
      const { stdout, stderr } = await inFolder('status', '--json', '--name', 'web')
      assert.notEqual(stdout, '', stderr)
      return JSON.parse(stdout) as Status
    },
    log: () => readFileSync(log, 'utf8'),
    show: (...properties) => systemd.show('web', ...properties),
  }
}

/** Runs `systemctl <args>`. If it fails, the error has the unit's status and log. */
export async function must(unit: Unit, ...args: string[]): Promise<void> {
  const { code, stderr } = await unit.systemd.systemctl(...args)
  const state = code === 0 ? '' : (await unit.systemd.systemctl('status', 'web')).stdout
  assert.equal(code, 0, `${stderr}\n${state}\n${code === 0 ? '' : unit.log()}`)
}

export const loadOn = (t: TestContext, { port }: Unit): Load =>
  loadFor(t, {
    target: { host: '127.0.0.1', port },
    workloads: { newConnections: { perSecond: 50 }, keepAlive: [{ connections: 10, thinkMs: [0, 100] }] },
  })

export async function assertFlawless(load: Load): Promise<void> {
  const report = await load.stop()
  assert.ok(report.answered > 0)
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
}

/** Pids of the ready instances in the unit's pid namespace, oldest first. */
export const servingPids = ({ services }: Status): (number | null)[] =>
  services.flatMap(({ instances }) =>
    instances.filter(({ state }) => state === 'ready').map(({ pid }) => pid),
  )

/** Sends one request on a new connection, and resolves with the body. Rejects on a socket error or after 30 s. */
export const ask = (port: number, path = '/'): Promise<string> => request(port, path).answer

/** Like `ask`. `sent` resolves when the request was written to the socket. */
export function request(port: number, path: string): { sent: Promise<void>; answer: Promise<string> } {
  const socket = net.connect({ port, host: '127.0.0.1' })
  const sent = new Promise<void>((resolve) =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`, () => resolve()),
  )
  const answer = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('no answer came')), 30_000)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
    socket.on('error', reject).on('close', () => {
      clearTimeout(timer)
      const complete = /^HTTP\/1\.1 200 [^]*?\r\n\r\n/.test(text)
      if (complete) resolve(text.slice(text.indexOf('\r\n\r\n') + 4))
      else reject(new Error(`the answer was "${text}"`))
    })
  })
  return { sent, answer }
}
