import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const module = new URL('../../dist/shared/working-folder.js', import.meta.url).href
const program = `import { workingFolder } from '${module}'; console.log(workingFolder(process.env.PWD))`

const root = realpathSync(mkdtempSync(join(tmpdir(), 'folder-')))
const [first, second, current] = ['releases/1', 'releases/2', 'current'].map((name) => join(root, name))
mkdirSync(first ?? '', { recursive: true })
mkdirSync(second ?? '')
symlinkSync('releases/1', current ?? '')
after(() => rmSync(root, { recursive: true }))

const asked = (PWD: string | undefined, before = '') =>
  execFileSync(
    'sh',
    ['-c', `cd -P "$1" && ${before}\n exec env "$2" "$3" "$4" "$5" "$6"`, 'sh', first ?? ''].concat(
      PWD === undefined ? ['-uPWD'] : [`PWD=${PWD}`],
      [process.execPath, '--input-type=module', '-e', program],
    ),
    { encoding: 'utf8' },
  ).trim()

const table: [string, string | undefined, string | undefined][] = [
  ['keeps the link of PWD', current, current],
  ['is the physical folder without PWD', undefined, first],
  ['is the physical folder when PWD is empty', '', first],
  ['is the physical folder when PWD is another folder', second, first],
  ['is the physical folder when PWD does not exist', join(root, 'nowhere'), first],
  ['is the physical folder when PWD is relative', '.', first],
  ['is the physical folder when PWD has a dot-dot', `${current}/../1`, first],
  ['is the physical folder when PWD has a dot', `${root}/./current`, first],
]
for (const [name, pwd, wanted] of table)
  test(`workingFolder() ${name}`, () => assert.equal(asked(pwd), wanted))
