import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { deepEqual, match } from 'node:assert/strict'
import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'
import plugin from './rooms-plugin.mjs'
import { roomsIn } from './rooms-table.mjs'

const folders = []
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

describe('the rule about rooms', () => {
  const rooms = { low: [], high: ['low'], 'high/inner': ['low'], 'root.ts': ['high'] }

  it('allows what the table names, and every import inside a room', () => {
    const files = { 'low/a.ts': '', 'high/b.ts': `import './c.js'; import '../low/a.js'`, 'high/c.ts': '' }
    deepEqual(messages('allowed', files, 'high/b.ts', rooms), [])
  })

  it('takes the longest name as the room of a file', () => {
    const files = { 'high/b.ts': '', 'high/inner/d.ts': `import '../b.js'` }
    deepEqual(messages('allowed', files, 'high/inner/d.ts', rooms), [
      '"high/inner" may not import "high": see the table in eslint.config.js',
    ])
  })

  for (const [how, code] of Object.entries({
    'a static import': `import '../high/b.js'`,
    'an import of a type': `import type { B } from '../high/b.js'`,
    'an inline type': `export type A = import('../high/b.js').B`,
    'a dynamic import': `await import('../high/b.js')`,
    'an export of names': `export { b } from '../high/b.js'`,
    'an export of everything': `export * from '../high/b.js'`,
  }))
    it(`forbids what the table does not name: ${how}`, () => {
      const files = { 'low/a.ts': code, 'high/b.ts': 'export const b = 1; export type B = 1' }
      deepEqual(messages('allowed', files, 'low/a.ts', rooms), [
        '"low" may not import "high": see the table in eslint.config.js',
      ])
    })

  it('forbids a file whose folder is not in the table', () => {
    const found = messages('allowed', { 'new/e.ts': '' }, 'new/e.ts', rooms)
    deepEqual(found, ['"new/e.ts" is in no room of the table in eslint.config.js'])
  })

  it('knows a file of the root by its name', () => {
    const files = { 'root.ts': `import './high/b.js'`, 'high/b.ts': '', 'other.ts': '' }
    deepEqual(messages('allowed', files, 'root.ts', rooms), [])
    match(messages('allowed', files, 'other.ts', rooms)[0], /in no room/)
  })
})

describe('the rule about circles', () => {
  it('finds a circle of three files, one import of which is a type only', () => {
    const files = {
      'a.ts': `import './b.js'`,
      'b.ts': `import type { C } from './c.js'`,
      'c.ts': `export type C = typeof import('./a.js')`,
    }
    deepEqual(messages('no-circle', files, 'a.ts'), [
      'this import closes a circle: a.ts > b.ts > c.ts > a.ts',
    ])
    deepEqual(messages('no-circle', files, 'c.ts'), [
      'this import closes a circle: c.ts > a.ts > b.ts > c.ts',
    ])
  })

  it('says nothing of a file that only leads to a circle', () => {
    const files = { 'a.ts': `import './b.js'`, 'b.ts': `import './c.js'`, 'c.ts': `import './b.js'` }
    deepEqual(messages('no-circle', files, 'a.ts'), [])
  })
})

describe('the table in ARCHITECTURE.md', () => {
  it('is read into the same form as the one of the linter', () => {
    const page = [
      '<!-- rooms of packages/x -->',
      '',
      '| room | what | may import |',
      '| ---- | ---- | ---------- |',
      '| `low/` | the floor | - |',
      '| `root.ts` | the `top/` of it | `low`, `high` |',
      '',
      '| `other/` | is no room | - |',
    ].join('\n')
    deepEqual(roomsIn(page, 'packages/x'), { low: [], 'root.ts': ['low', 'high'] })
    deepEqual(roomsIn(page, 'packages/y'), null)
  })
})

function messages(name, files, linted, rooms) {
  const folder = mkdtempSync(join(tmpdir(), 'rooms-'))
  folders.push(folder)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const config = {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { rooms: plugin },
    rules: { [`rooms/${name}`]: ['error', { folder, rooms }] },
  }
  const found = new Linter({ cwd: folder }).verify(files[linted], config, { filename: join(folder, linted) })
  return found.map(({ message }) => message)
}
