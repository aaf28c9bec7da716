import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Result, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { SpecSource } from './source.js'

/** Reads the services as they are configured now. */
export interface SpecReader {
  read(): Promise<Result<ServiceSpec[]>>
}

const program = fileURLToPath(new URL('./read-main.js', import.meta.url))

/**
 * Reads in a process of its own: the schema and the parsers would cost the supervisor 20 MB for its whole life.
 * The command line, and a JSON or YAML file that has not changed, are not read again; a configuration that is a
 * program is, since its result may differ each time.
 */
export function specReader(source: SpecSource, known?: ServiceSpec[]): SpecReader {
  let last = known ? { key: keyOf(source), specs: known } : null
  return {
    async read() {
      const key = keyOf(source)
      if (last !== null && key !== null && last.key === key) return ok(last.specs)
      const specs = await readElsewhere(source)
      if (specs.ok) last = { key, specs: specs.value }
      return specs
    },
  }
}

/** Stays the same while the source is unchanged. Null if the source must be read to find out. */
function keyOf(source: SpecSource): string | null {
  if (source.type === 'command') return 'command'
  if (!/\.(json|ya?ml)$/.test(source.path)) return null
  const stat = statSync(source.path, { throwIfNoEntry: false, bigint: true })
  return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : null
}

async function readElsewhere(source: SpecSource): Promise<Result<ServiceSpec[]>> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {}) // the child ended early: its answer shows it
  child.stdin.end(JSON.stringify(source))
  const answer = await text(child.stdout)
  try {
    return JSON.parse(answer) as Result<ServiceSpec[]>
  } catch {
    return failed(
      'Usage',
      `the configuration could not be read: the reading process answered "${answer.slice(0, 200)}"`,
    )
  }
}
