import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Cluster } from '@handover/testkit/kubernetes'
import type { DeploymentReceipt } from '../../../dist/kubernetes/rollout/index.js'

const bin = fileURLToPath(import.meta.resolve('handover/bin'))

const http = (onTerm: string) => [
  process.execPath,
  '-e',
  `const server = require('node:http').createServer((_, response) => response.end('ok')).listen(process.env.PORT ?? 8080)
   process.on('SIGTERM', () => { ${onTerm} })`,
]

/** The programs behind the image names. */
export const images = {
  'web:1': { entrypoint: http('server.close(); process.exit(0)') },
  'web:2': { entrypoint: http('server.close(); process.exit(0)') },
  'web:crash': { entrypoint: [process.execPath, '-e', `console.log('boom: no database'); process.exit(3)`] },
  'web:deaf': {
    entrypoint: [process.execPath, '-e', `console.log('never listening'); setInterval(() => {}, 1000)`],
  },
  'web:stubborn': { entrypoint: http('') },
}

export interface Run {
  code: number
  stdout: string
  stderr: string
  receipt(): DeploymentReceipt
}

export interface Running {
  child: ChildProcess
  /** Resolves with the first matching line of standard error, which may have come before the call. */
  line(pattern: RegExp): Promise<string>
  ended: Promise<Run>
}

/** `handover kubernetes` in a namespace of the cluster. */
export interface Commands {
  namespace: string
  start(...args: string[]): Running
  run(...args: string[]): Promise<Run>
  /** Writes the configuration for `apply`, with the service `web`. `others`: images of further services like it. */
  configure(service?: object, kubernetes?: object, others?: Record<string, string>): void
  as(user: 'admin' | 'restricted'): Commands
}

let namespaces = 0

/** A namespace of its own, so that no test sees the pods of another. */
export async function openNamespace(cluster: Cluster): Promise<Commands> {
  const namespace = `test-${++namespaces}`
  await cluster.client.create('/api/v1/namespaces', { metadata: { name: namespace } })
  await cluster.until(
    `/api/v1/namespaces/${namespace}/serviceaccounts/default`,
    (account) => account !== null,
  )
  return commandsIn(cluster, namespace, 'admin')
}

export function commandsIn(cluster: Cluster, namespace: string, user: 'admin' | 'restricted'): Commands {
  const folder = join(cluster.folder, `service-${namespace}`)
  mkdirSync(folder, { recursive: true })
  const env = { ...process.env, NO_COLOR: '1', KUBECONFIG: cluster.kubeconfig(user, namespace) }
  const start = (...args: string[]) =>
    running(
      spawn(process.execPath, [bin, 'kubernetes', ...args], {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  return {
    namespace,
    start,
    run: (...args) => start(...args).ended,
    configure(service = {}, kubernetes = {}, others = {}) {
      const like = (settings: object, port = 8080) => ({
        command: ['node', 'server.js'],
        replicas: 2,
        listen: { http: port },
        progressDeadlineSeconds: 60,
        readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        ...service,
        // The images have their own programs, which exit at once.
        kubernetes: { image: 'web:1', drain: { delaySeconds: 0, preStopSeconds: 0 }, ...settings },
      })
      const services: Record<string, object> = { web: like(kubernetes) }
      for (const [index, [name, image]] of Object.entries(others).entries())
        services[name] = like({ image }, 8081 + index)
      writeFileSync(join(folder, 'handover.config.json'), JSON.stringify({ name: 'shop', services }))
    },
    as: (other) => commandsIn(cluster, namespace, other),
  }
}

function running(child: ChildProcess): Running {
  const out: string[] = []
  const err: string[] = []
  const waiting = new Set<() => void>()
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk.toString()))
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', (text) => {
      err.push(text)
      for (const look of [...waiting]) look()
    })
  const ended = new Promise<Run>((resolve) =>
    child.once('close', (code, signal) => {
      const run = { code: code ?? -1, stdout: out.join(''), stderr: `${err.join('\n')}${signal ?? ''}` }
      for (const look of [...waiting]) look()
      resolve({ ...run, receipt: () => receiptIn(run) })
    }),
  )
  return {
    child,
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = err.find((text) => pattern.test(text))
          if (found === undefined && child.exitCode === null) return
          waiting.delete(look)
          if (found === undefined) reject(new Error(`no line matches ${pattern}: ${err.join('\n')}`))
          else resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}

function receiptIn({ stdout, stderr, code }: Omit<Run, 'receipt'>): DeploymentReceipt {
  assert.notEqual(stdout, '', `it exited with ${code} and printed no receipt: ${stderr}`)
  return JSON.parse(stdout) as DeploymentReceipt
}
