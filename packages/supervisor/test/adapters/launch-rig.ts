import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { LaunchContext, LaunchPlan } from '../../dist/adapters/launch/index.js'
import { prepareLaunch } from '../../dist/adapters/launch/index.js'
import type { Result, ServiceSpec } from '../../dist/model/index.js'
import { revisionOf, commandSpec } from './rig.js'

export const preloadPath = '/opt/register.cjs'

/** The folder of the Node that runs the test, and the folders with `env` and `sh`. */
export const path = `${dirname(process.execPath)}:/usr/bin:/bin`

/** Creates a folder with these files. A name that ends in `*` becomes an executable file. */
export function releaseOf(t: TestContext, files: Record<string, string | object>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ho-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name.replace(/\*$/, ''))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    if (name.endsWith('*')) chmodSync(file, 0o755)
  }
  return folder
}

export function prepare(
  release: string,
  command: string[],
  spec: Partial<ServiceSpec> = {},
  context: Partial<LaunchContext> = {},
): Result<LaunchPlan> {
  const service = commandSpec(command, { cwd: release, register: true, ...spec })
  return prepareLaunch(revisionOf(service), { preload: preloadPath, baseEnv: { PATH: path }, ...context })
}

export function planOf(...args: Parameters<typeof prepare>): LaunchPlan {
  const plan = prepare(...args)
  assert.ok(plan.ok, plan.ok ? '' : plan.failure.message)
  return plan.value
}

export function problemOf(...args: Parameters<typeof prepare>): string {
  const plan = prepare(...args)
  assert.ok(!plan.ok, 'it did not fail')
  assert.equal(plan.failure.code, 'CannotStart')
  return plan.failure.message
}
