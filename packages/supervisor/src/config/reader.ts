import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Result, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { SpecSource } from './source.js'

/** Gives the services as they are configured now. */
export interface SpecReader {
  read(): Promise<Result<ServiceSpec[]>>
}

const program = fileURLToPath(new URL('./read-main.js', import.meta.url))

/**
 * Reads in a process of its own: the schema and the parsers would hold 20 MB in the supervisor for as long as it
 * lives. A document that did not change since it was read is not read again, nor is the command line; a
 * configuration that is a program may say something else each time.
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

/** What is the same as long as the source says the same; null: nobody knows. */
function keyOf(source: SpecSource): string | null {
  if (source.type === 'command') return 'command'
  if (!/\.(json|ya?ml)$/.test(source.path)) return null
  const stat = statSync(source.path, { throwIfNoEntry: false, bigint: true })
  return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : null
}

async function readElsewhere(source: SpecSource): Promise<Result<ServiceSpec[]>> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {}) // it ended early: its exit tells
  child.stdin.end(JSON.stringify(source))
  const answer = await text(child.stdout)
  try {
    return JSON.parse(answer) as Result<ServiceSpec[]>
  } catch {
    return failed(
      'Usage',
      `the configuration could not be read: its reader answered "${answer.slice(0, 200)}"`,
    )
  }
}
