import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Result } from '../../dist/model/index.js'

export const fixtures = fileURLToPath(new URL('../../test/fixtures/config/', import.meta.url))

export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ho-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function valueOf<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : result.failure.message)
  return result.value
}

/** The sentences of a failure that is the user's to mend. */
export function problemsOf(result: Result<unknown>): string[] {
  assert.ok(!result.ok, 'it did not fail')
  assert.equal(result.failure.code, 'Usage')
  return result.failure.message.split('\n')
}
