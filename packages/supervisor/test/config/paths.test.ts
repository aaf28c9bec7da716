import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createFolders, defaultName, pathsFor } from '../../dist/config/paths.js'
import { folderFor, problemsOf, valueOf } from './support.js'

const uid = process.getuid?.() ?? 0
const byOwner = uid === 0 ? {} : { skip: 'only root can give a folder to another user' }

test('pathsFor() keeps everything below HANDOVER_HOME when that is set', () => {
  assert.deepEqual(valueOf(pathsFor('demo', { HANDOVER_HOME: '/srv/ho' }, 1000)), {
    name: 'demo',
    control: '/srv/ho/demo/run/control.sock',
    lock: '/srv/ho/demo/lock',
    journal: '/srv/ho/demo/journal.jsonl',
    source: '/srv/ho/demo/source.json',
    logs: '/srv/ho/demo/logs',
    run: '/srv/ho/demo/run',
    supervisorLog: '/srv/ho/demo/logs/supervisor.log',
  })
})

test('pathsFor() uses the folders of the system for root', () => {
  const paths = valueOf(pathsFor('demo', { XDG_RUNTIME_DIR: '/run/user/0' }, 0))
  assert.equal(paths.run, '/run/handover/demo')
  assert.equal(paths.journal, '/var/lib/handover/demo/journal.jsonl')
  assert.equal(paths.logs, '/var/log/handover/demo')
})

test('pathsFor() uses the XDG folders for anybody else', () => {
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000', XDG_STATE_HOME: '/home/ann/.state' }
  const paths = valueOf(pathsFor('demo', env, 1000))
  assert.equal(paths.control, '/run/user/1000/handover/demo/control.sock')
  assert.equal(paths.lock, '/home/ann/.state/handover/demo/lock')
  assert.equal(paths.logs, '/home/ann/.state/handover/demo/logs')
})

test('pathsFor() falls back as the XDG specification asks when a variable is unset or relative', () => {
  const paths = valueOf(
    pathsFor('demo', { HOME: '/home/ann', XDG_RUNTIME_DIR: 'run', XDG_STATE_HOME: '' }, 4711),
  )
  assert.equal(paths.run, join(tmpdir(), 'handover-4711-demo'))
  assert.equal(paths.journal, '/home/ann/.local/state/handover/demo/journal.jsonl')
})

test('pathsFor() takes a short run folder when the sockets would get too long a path', () => {
  const home = `/tmp/${'x'.repeat(80)}`
  const paths = valueOf(pathsFor('demo', { HANDOVER_HOME: home }, uid))
  assert.match(paths.run, new RegExp(`^${tmpdir()}/ho-${uid}-[0-9a-f]{10}$`))
  assert.equal(paths.journal, `${home}/demo/journal.jsonl`)
  assert.deepEqual(valueOf(pathsFor('demo', { HANDOVER_HOME: home }, uid)), paths)
  assert.notEqual(valueOf(pathsFor('other', { HANDOVER_HOME: home }, uid)).run, paths.run)
})

test('pathsFor() refuses names that cannot be file names, and a relative HANDOVER_HOME', () => {
  for (const name of ['a/b', '..', '', 'A', '-a', 'a'.repeat(64)]) {
    assert.match(
      problemsOf(pathsFor(name, {}, 0))[0] ?? '',
      /^--name is ".*", wanted a name of at most 63 characters/,
    )
  }
  assert.deepEqual(problemsOf(pathsFor('demo', { HANDOVER_HOME: 'ho' }, 0)), [
    'HANDOVER_HOME is "ho", wanted an absolute path',
  ])
})

test('createFolders() makes private folders that instances of other users can pass through', (t) => {
  const home = folderFor(t)
  const paths = valueOf(createFolders(valueOf(pathsFor('demo', { HANDOVER_HOME: home }, uid)), uid))
  const modeOf = (path: string) => statSync(path).mode & 0o777
  assert.equal(modeOf(paths.logs), 0o700)
  assert.equal(modeOf(paths.run), uid === 0 ? 0o711 : 0o700)
  assert.ok(existsSync(dirname(paths.journal)))
  chmodSync(paths.run, 0o777)
  valueOf(createFolders(paths, uid))
  assert.equal(modeOf(paths.run), uid === 0 ? 0o711 : 0o700)
})

test('createFolders() refuses a run folder that is a link or belongs to another user', byOwner, (t) => {
  const home = folderFor(t)
  const paths = valueOf(pathsFor('demo', { HANDOVER_HOME: home }, uid))
  mkdirSync(paths.run, { recursive: true })
  chownSync(paths.run, 12345, 12345)
  const problem = `"${paths.run}" belongs to the user with id 12345, wanted a folder that belongs to the user with id 0`
  assert.deepEqual(problemsOf(createFolders(paths, uid)), [problem])
  assert.deepEqual(problemsOf(pathsFor('demo', { HANDOVER_HOME: home }, uid)), [problem])
  rmSync(paths.run, { recursive: true })
  symlinkSync('/tmp', paths.run)
  assert.deepEqual(problemsOf(pathsFor('demo', { HANDOVER_HOME: home }, uid)), [
    `"${paths.run}" is not a folder, wanted a folder that belongs to the user with id 0`,
  ])
})

test('createFolders() names the folder that cannot be created', (t) => {
  const home = join(folderFor(t), 'file')
  symlinkSync('/dev/null', home)
  const [problem] = problemsOf(createFolders(valueOf(pathsFor('demo', { HANDOVER_HOME: home }, uid)), uid))
  assert.match(problem ?? '', new RegExp(`^the folder "${home}/demo/run" cannot be created: ENOTDIR`))
})

test('defaultName() makes a name out of any folder', () => {
  const table: [string, string][] = [
    ['/srv/shop', 'shop'],
    ['/srv/My Shop_2/', 'my-shop-2'],
    ['/srv/.hidden', 'hidden'],
    ['/srv/v1.2', 'v1.2'],
    ['/', 'app'],
    ['/srv/shop/current', 'shop'],
    ['/srv/shop/releases/20261128', 'shop'],
    ['/srv/shop/releases', 'releases'],
    ['/current', 'app'],
    ['/srv/ÄÖ', 'app'],
    [`/srv/${'x'.repeat(80)}`, 'x'.repeat(63)],
  ]
  for (const [folder, name] of table) assert.equal(defaultName(folder), name, folder)
})
