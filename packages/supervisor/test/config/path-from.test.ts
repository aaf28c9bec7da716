import assert from 'node:assert/strict'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathFrom } from '../../dist/config/path-from.js'
import { folderFor } from './support.js'

test('pathFrom() keeps links below the folder, and leaves the folder as the kernel does', (t) => {
  const root = realpathSync(folderFor(t))
  mkdirSync(join(root, 'releases/1/deploy'), { recursive: true })
  mkdirSync(join(root, 'shared'))
  writeFileSync(join(root, 'shared/.env'), '')
  symlinkSync('releases/1', join(root, 'current'))
  const table: [folder: string, path: string, wanted: string][] = [
    ['current', '.', 'current'],
    ['current', 'app', 'current/app'],
    ['current', './deploy/../.env', 'current/.env'],
    ['current/deploy', '..', 'current'],
    ['current/deploy', '../app.sock', 'current/app.sock'],
    ['current', '../../shared/.env', 'shared/.env'],
    ['current', '../../shared/app.sock', 'shared/app.sock'],
    ['current', '../../shared', 'shared'],
    ['releases/1', '../2', 'releases/2'],
    ['nowhere', '../shared', 'shared'],
  ]
  for (const [folder, path, wanted] of table)
    assert.equal(pathFrom(join(root, folder), path), join(root, wanted), `${path} in ${folder}`)
  assert.equal(pathFrom(join(root, 'current'), '/srv/../etc'), '/etc')
})
