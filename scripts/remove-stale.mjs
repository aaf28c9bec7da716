// Deletes compiled files whose source was deleted or renamed. The compiler leaves them, and then they would still be
// tested, imported and published. Runs before the compiler, so that an import of such a file is an error.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Folders of a package, and the folder of their sources. The first that a file is in counts. */
const outputs = [
  ['dist/shared', '../shared/src'],
  ['dist', 'src'],
  ['dist-test', 'test'],
]
/** What the compiler writes for one source. Anything else is never stale: its own records, and bundles (.cjs). */
const compiled = /(\.d\.ts|\.js|\.js\.map)$/

/** The compiled files without a source in the packages below `folder`. */
export function staleFiles(folder) {
  return readdirSync(folder).flatMap((name) => staleFilesOf(join(folder, name)))
}

function staleFilesOf(folder) {
  return ['dist', 'dist-test']
    .flatMap((output) => filesBelow(folder, output))
    .filter((file) => compiled.test(file) && !existsSync(join(folder, sourceOf(file))))
    .map((file) => join(folder, file))
}

function sourceOf(file) {
  const [output, sources] = outputs.find(([name]) => file.startsWith(`${name}/`))
  return sources + file.slice(output.length).replace(compiled, '.ts')
}

function filesBelow(folder, name) {
  if (!existsSync(join(folder, name))) return []
  return readdirSync(join(folder, name), { recursive: true }).map((file) => join(name, file))
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const root = new URL('..', import.meta.url).pathname
  for (const file of staleFiles(join(root, 'packages'))) {
    rmSync(file)
    console.log(`deleted ${relative(root, file)}, which has no source`)
  }
}
