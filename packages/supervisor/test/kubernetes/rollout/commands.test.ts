import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@handover/testkit'
import type { CommandResult } from '@handover/testkit'
import type { ApiServer, Asked, Reply } from './api-server.js'
import { apiServer, kubeconfigOf, list, status } from './api-server.js'
import { runCommand } from '../../commands.js'
import { deployment, pod, replicaSet } from './objects.js'

const bin = fileURLToPath(import.meta.resolve('handover/bin'))

/**
 * Runs `handover kubernetes` in an empty folder, which is also HOME. `start`: as a process of its own, which must also
 * end.
 */
function folderOf(t: TestContext): {
  path: string
  run(kubeconfig: string | null, ...args: string[]): Promise<CommandResult>
  start(kubeconfig: string | null, ...args: string[]): Promise<CommandResult>
} {
  const path = mkdtempSync(join(tmpdir(), 'kubernetes-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  const { KUBECONFIG: _, KUBERNETES_SERVICE_HOST: __, ...others } = process.env
  const environment = (kubeconfig: string | null) => ({
    ...others,
    HOME: path,
    NO_COLOR: '1',
    ...(kubeconfig !== null && { KUBECONFIG: kubeconfig }),
  })
  return {
    path,
    run: (kubeconfig, ...args) => runCommand(['kubernetes', ...args], path, environment(kubeconfig)),
    start: (kubeconfig, ...args) =>
      new Promise((resolve) => {
        execFile(
          process.execPath,
          [bin, 'kubernetes', ...args],
          { cwd: path, env: environment(kubeconfig) },
          (error, stdout, stderr) =>
            resolve({ code: error === null ? 0 : Number(error.code ?? 128), stdout, stderr }),
        )
      }),
  }
}

/** Checks that the error is one sentence: no stack, no second line. Notes about a configuration may precede it. */
function assertSentence({ code, stderr }: CommandResult, wanted: number, pattern: RegExp): void {
  assert.equal(code, wanted, stderr)
  assert.match(stderr, pattern)
  const lines = stderr.trim().split('\n')
  assert.equal(lines.filter((line) => !line.startsWith('note: ')).length, 1, stderr)
}

test('a command exits with 2 and names the files that it read when the kubeconfig is missing, broken or incomplete', async (t) => {
  const { run, start, path } = folderOf(t)
  const write = (name: string, text: string) => {
    writeFileSync(join(path, name), text)
    return join(path, name)
  }
  assertSentence(
    await start(null, 'status', 'web'),
    2,
    /there is no kubeconfig, wanted one from --kubeconfig/,
  )
  assertSentence(
    await run('/nowhere', 'status', 'web'),
    2,
    /KUBECONFIG is "\/nowhere", wanted at least one file that exists/,
  )
  assertSentence(
    await run(null, 'status', 'web', '--kubeconfig', 'gone'),
    2,
    /--kubeconfig is "gone", wanted a kubeconfig file that exists/,
  )
  assertSentence(
    await run(write('broken', '{'), 'status', 'web'),
    2,
    /kubeconfig ".*broken" cannot be read: /,
  )
  const good = write('good', kubeconfigOf('http://127.0.0.1:1'))
  assertSentence(
    await run(good, 'status', 'web', '--context', 'prod'),
    2,
    /the context is "prod", wanted one of "fake" in /,
  )
  const none = write('none', kubeconfigOf('http://127.0.0.1:1', { 'current-context': '' }))
  assertSentence(
    await run(none, 'status', 'web'),
    2,
    /names no current context, wanted --context with one of "fake"/,
  )
  const dangling = write('dangling', kubeconfigOf('http://127.0.0.1:1', { users: [] }))
  assertSentence(await run(dangling, 'status', 'web'), 2, /names the user "me", which is not in/)
})

test('the first file of KUBECONFIG that has an entry wins, and missing files are skipped', async (t) => {
  const { run, path } = folderOf(t)
  const api = await apiServer(t, cluster())
  const second = join(path, 'second')
  writeFileSync(second, kubeconfigOf('http://127.0.0.1:1', { 'current-context': 'other' }))
  const { code, stderr } = await run(`/nowhere:${api.kubeconfig}:${second}`, 'status', 'web')
  assert.equal(code, 0, stderr)
})

test('a command exits with 5 when the server cannot be reached', async (t) => {
  const { run, path } = folderOf(t)
  const config = join(path, 'config')
  writeFileSync(config, kubeconfigOf(`http://127.0.0.1:${await freePort()}`))
  for (const args of [
    ['status', 'web'],
    ['upgrade', 'web', '--image', 'v2'],
    ['pause', 'web'],
  ])
    assertSentence(await run(config, ...args), 5, /the API server http:.* cannot be reached \(.*ECONNREFUSED/)
})

test('rejected credentials are reported with the next step', async (t) => {
  const { run } = folderOf(t)
  const api = await apiServer(t, () => status(401, 'Unauthorized'))
  assertSentence(
    await run(api.kubeconfig, 'status', 'web'),
    1,
    /does not accept these credentials \(401 Unauthorized\).*log in again/,
  )
  assert.equal(api.asked.length, 1)
})

test('a command exits with 2 and names the existing ones when a Deployment or a namespace does not exist', async (t) => {
  const { run } = folderOf(t)
  const api = await apiServer(t, ({ path }) => {
    if (path.endsWith('/deployments')) return list([deployment('v1', 1)])
    if (path === '/api/v1/namespaces/shop') return { json: {} }
    return undefined
  })
  assertSentence(
    await run(api.kubeconfig, 'status', 'api'),
    2,
    /there is no Deployment "api" in namespace "shop".*; there is "web"/,
  )
  assertSentence(
    await run(api.kubeconfig, 'status', 'api', '-n', 'shoop'),
    2,
    /namespace "shoop" does not exist in context "fake": create it/,
  )
})

test('an unknown container, an undo without an earlier revision and a wrong scale are refused before any change', async (t) => {
  const { run } = folderOf(t)
  const api = await apiServer(t, cluster())
  assertSentence(
    await run(api.kubeconfig, 'upgrade', 'web', '--image', 'v2', '--container', 'x'),
    2,
    /--container is "x", wanted one of "web" of "web"/,
  )
  assertSentence(await run(api.kubeconfig, 'undo', 'web'), 1, /has no revision before the current one/)
  assertSentence(
    await run(api.kubeconfig, 'undo', 'web', '--to-revision', '7'),
    2,
    /has no revision 7, wanted one of 1/,
  )
  assertSentence(
    await run(api.kubeconfig, 'scale', 'web=many'),
    2,
    /the argument is "web=many", wanted service=replicas/,
  )
  assertSentence(
    await run(api.kubeconfig, 'status'),
    2,
    /the service is missing and there is no handover.config here/,
  )
  assert.ok(api.asked.every(({ method }) => method === 'GET'))
})

/** The last segment of the path, and whether it is a watch. */
const askedFor = ({ path, query }: Asked): string =>
  `${query.has('watch') ? 'watch' : 'list'} ${path.split('/').at(-1)}`

/** A server with two ready pods of v1. `more` answers first. */
const cluster =
  (more: (asked: Asked, server: ApiServer) => Reply | undefined = () => undefined) =>
  (asked: Asked, server: ApiServer): Reply | undefined => {
    const own = more(asked, server)
    if (own) return own
    const live = deployment('v1', 1, { status: { ...complete, observedGeneration: 1 } })
    if (asked.path.endsWith('/deployments/web') && asked.method === 'GET') return { json: live }
    switch (askedFor(asked)) {
      case 'list deployments':
        return list([live])
      case 'list replicasets':
        return list([replicaSet('v1', 1, { status: { replicas: 2, availableReplicas: 2 } })])
      case 'list pods':
        return list(['old-1', 'old-2'].map((name) => pod(name, 'v1', { ready: true })))
      case 'list events':
        return list([])
      default:
        return asked.query.has('watch') ? { stream: [] } : undefined
    }
  }

const complete = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 }
const done = deployment('v2', 2, { status: { ...complete, observedGeneration: 2 } })

test('a watch starts again with a list when it has expired (410 Gone) or the connection broke', async (t) => {
  const { start } = folderOf(t)
  const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }
  let lists = 0
  let begun = false
  const api = await apiServer(
    t,
    cluster((asked) => {
      if (asked.method === 'PATCH') {
        begun = true
        return { json: deployment('v2', 2) }
      }
      if (askedFor(asked) === 'watch pods') return { stream: [], end: 'broken' }
      if (askedFor(asked) === 'watch deployments') return { stream: [gone], end: 'clean' }
      if (askedFor(asked) !== 'list deployments' || !begun) return undefined
      lists += 1
      return list([lists < 3 ? deployment('v2', 2) : done])
    }),
  )
  const { code, stderr, stdout } = await start(api.kubeconfig, 'upgrade', 'web', '--image', 'v2')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /web: revision 1 to 2, complete/)
  assert.ok(api.asked.filter((asked) => askedFor(asked) === 'list pods').length > 1)
})

test('a user without the right to read events still sees the rollout, with a note', async (t) => {
  const { run } = folderOf(t)
  const api = await apiServer(
    t,
    cluster((asked) => {
      if (asked.method === 'PATCH') return { json: deployment('v2', 2) }
      if (askedFor(asked) === 'list events')
        return status(403, 'events is forbidden: User "me" cannot list resource "events"')
      return askedFor(asked) === 'watch deployments'
        ? { stream: [{ type: 'MODIFIED', object: done }] }
        : undefined
    }),
  )
  const { code, stderr } = await run(api.kubeconfig, 'upgrade', 'web', '--image', 'v2')
  assert.equal(code, 0, stderr)
  assert.match(stderr, /events cannot be read, so some reasons stay unknown: .*cannot list resource "events"/)
})

test('an undo is sent again when its answer was lost, and succeeds when it was already done', async (t) => {
  const { start } = folderOf(t)
  const crash = pod('new-1', 'v2', {
    container: {
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3 } },
    },
  })
  const back = deployment('v1', 3, { status: { ...complete, observedGeneration: 3 } })
  let patches = 0
  const api = await apiServer(
    t,
    cluster((asked) => {
      if (asked.path.endsWith('/log')) return { json: 'boom' }
      if (asked.method === 'PATCH') {
        patches += 1
        if (patches === 1) return { json: deployment('v2', 2) }
        return patches === 2 ? { stream: [], end: 'broken' } : status(422, 'the test failed')
      }
      if (asked.path.endsWith('/deployments/web') && patches > 1) return { json: back }
      switch (askedFor(asked)) {
        case 'watch deployments':
          if (patches > 1) return { stream: [{ type: 'MODIFIED', object: back }] }
          return {
            stream: [
              {
                type: 'MODIFIED',
                object: deployment('v2', 2, {
                  status: { observedGeneration: 2, replicas: 3, updatedReplicas: 1 },
                }),
              },
            ],
            end: 'clean',
          }
        case 'list replicasets':
          return list([
            replicaSet('v1', 1, { status: { replicas: 2, availableReplicas: 2 } }),
            replicaSet('v2', 2),
          ])
        case 'watch pods':
          return { stream: [{ type: 'ADDED', object: crash }] }
        default:
          return undefined
      }
    }),
  )
  const { code, stdout, stderr } = await start(api.kubeconfig, 'upgrade', 'web', '--image', 'v2')
  assert.deepEqual([code, patches], [3, 3], stderr)
  assert.match(stdout, /rolled back/)
})

test('apply exits with 1, not 3, when one Deployment is rolled back and another is refused', async (t) => {
  const { start, path } = folderOf(t)
  const service = (port: number) => ({ command: ['x'], listen: { http: port }, kubernetes: { image: 'v2' } })
  const config = JSON.stringify({ services: { web: service(8080), worker: service(8081) } })
  writeFileSync(join(path, 'handover.config.json'), config)
  const crash = pod('new-1', 'v2', {
    container: {
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3 } },
    },
  })
  const back = deployment('v1', 3, { status: { ...complete, observedGeneration: 3 } })
  const rolling = deployment('v2', 2, {
    status: { observedGeneration: 2, replicas: 3, updatedReplicas: 1 },
  })
  let undone = false
  let begun = false
  const api = await apiServer(
    t,
    cluster((asked) => {
      if (asked.path === '/version') return { json: { gitVersion: 'v1.30.1' } }
      if (asked.path.endsWith('/log')) return { json: 'boom' }
      if (asked.method === 'PATCH' && !asked.query.has('dryRun')) {
        if (asked.path.endsWith('/deployments/worker')) return status(403, 'no rights for the worker')
        if (asked.path.endsWith('/deployments/web')) {
          undone = begun
          begun = true
        }
      }
      if (asked.method === 'PATCH') return { json: undone ? back : deployment('v2', 2) }
      if (asked.path.endsWith('/deployments/web') && undone) return { json: back }
      switch (askedFor(asked)) {
        case 'watch deployments':
          return { stream: [{ type: 'MODIFIED', object: undone ? back : rolling }], end: 'clean' }
        case 'list replicasets':
          return list([
            replicaSet('v1', 1, { status: { replicas: 2, availableReplicas: 2 } }),
            ...(begun ? [replicaSet('v2', 2)] : []),
          ])
        case 'watch pods':
          return { stream: begun ? [{ type: 'ADDED', object: crash }] : [], end: 'clean' }
        case 'watch replicasets':
          return { stream: begun ? [{ type: 'ADDED', object: replicaSet('v2', 2) }] : [], end: 'clean' }
        default:
          return undefined
      }
    }),
  )
  const { code, stdout, stderr } = await start(api.kubeconfig, 'apply')
  assert.match(stdout, /rolled back/, stderr)
  assert.match(stderr, /no rights for the worker/)
  assert.equal(code, 1, stderr)
})

const manifestConfig = JSON.stringify({
  services: { web: { command: ['web'], listen: { http: 8080 }, kubernetes: { image: 'v1' } } },
})

test('apply lists what was applied when it stops halfway, and applies nothing when the dry run is refused', async (t) => {
  const { run, path } = folderOf(t)
  writeFileSync(join(path, 'handover.config.json'), manifestConfig)
  const refusing = (when: (asked: Asked) => boolean) =>
    apiServer(t, (asked) => {
      if (asked.path === '/version') return { json: { gitVersion: 'v1.30.1' } }
      if (asked.method === 'PATCH' && when(asked))
        return status(403, `cannot patch resource "${asked.path.split('/').at(-2)}"`)
      return asked.method === 'PATCH' ? { json: deployment('v1', 1) } : undefined
    })
  const rehearsal = await refusing(
    ({ query, path: asked }) => query.has('dryRun') && asked.includes('deployments'),
  )
  assertSentence(
    await run(rehearsal.kubeconfig, 'apply', '--no-wait'),
    1,
    /Deployment "web": cannot patch resource "deployments".*nothing was applied/,
  )
  assert.ok(rehearsal.asked.every(({ method, query }) => method !== 'PATCH' || query.get('dryRun') === 'All'))

  const halfway = await refusing(
    ({ query, path: asked }) => !query.has('dryRun') && asked.includes('deployments'),
  )
  const { code, stderr } = await run(halfway.kubeconfig, 'apply', '--no-wait')
  assert.equal(code, 1)
  assert.match(
    stderr,
    /Deployment "web": cannot patch.*; applied before it: Service "web"; not applied: PodDisruptionBudget "web"/,
  )
})

test('apply names the namespace that is missing, and the API that the server does not serve', async (t) => {
  const { run, path } = folderOf(t)
  writeFileSync(join(path, 'handover.config.json'), manifestConfig)
  const missing = (message: string) =>
    apiServer(t, (asked) =>
      asked.path === '/version' ? { json: { gitVersion: 'v1.30.1' } } : status(404, message),
    )
  const space = await missing('namespaces "shop" not found')
  assertSentence(
    await run(space.kubeconfig, 'apply'),
    2,
    /namespace "shop" does not exist in context "fake": create it.*nothing was applied/,
  )
  const group = await missing('the server could not find the requested resource')
  assertSentence(await run(group.kubeconfig, 'apply'), 2, /does not serve v1 of Service/)
})
