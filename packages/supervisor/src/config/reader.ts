import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Result, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { SourceMemory } from './source-memory.js'
import type { SpecSource } from './source.js'

/** Reads the services as they are configured now. */
export interface SpecReader {
  /** With a path: from this configuration. It replaces the source, unless it cannot be read. */
  read(config?: string): Promise<Result<ServiceSpec[]>>
  /** The configuration that is read, absolute. Null if the services are from the command line. */
  config(): string | null
  /** To be called when the supervisor ends in an orderly way: the next one reads what it is started with. */
  forget(): void
}

const program = fileURLToPath(new URL('./read-main.js', import.meta.url))

/**
 * Reads in a process of its own: the schema and the parsers would cost the supervisor 20 MB for its whole life.
 * The command line, and a JSON or YAML file that has not changed, are not read again; a configuration that is a
 * program is, since its result may differ each time. `memory`: a configuration that has replaced `given` before.
 */
export function specReader(given: SpecSource, memory: SourceMemory, known?: ServiceSpec[]): SpecReader {
  const recalled = memory.recall(given)
  let source = recalled === null ? given : configSource(recalled)
  let last = known && recalled === null ? { key: keyOf(source), specs: known } : null
  return {
    forget: () => memory.forget(),
    config: () => configOf(source),
    async read(config) {
      const asked = config === undefined ? source : configSource(config)
      const key = keyOf(asked)
      if (asked === source && last !== null && key !== null && last.key === key) return ok(last.specs)
      if (asked === source && last !== null && asked.type === 'config' && !existsSync(asked.path))
        return failed('Usage', `the configuration "${asked.path}" does not exist any more, ${wantedConfig}`)
      const specs = await readElsewhere(asked)
      if (specs.ok) {
        if (asked !== source) memory.keep(given, configOf(asked) ?? '')
        source = asked
        last = { key, specs: specs.value }
      }
      return specs
    },
  }
}

const configSource = (path: string): SpecSource => ({ type: 'config', path, folder: dirname(path) })

const configOf = (source: SpecSource): string | null => (source.type === 'config' ? source.path : null)

const wantedConfig = 'wanted the one to read from now on: "handover upgrade -c …"'

/** Stays the same while the source is unchanged. Null if the source must be read to find out. */
function keyOf(source: SpecSource): string | null {
  if (source.type === 'command') return 'command'
  if (!/\.(json|ya?ml)$/.test(source.path)) return null
  const stat = statOrNull(source.path)
  return stat && `${stat.ino} ${stat.mtimeNs} ${stat.size}`
}

/** Null as well if a folder on the way may not be entered. */
function statOrNull(path: string): BigIntStats | null {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return null
  }
}

async function readElsewhere(source: SpecSource): Promise<Result<ServiceSpec[]>> {
  // The folder of the start, as a configuration that is a program expects, for as long as it exists.
  const cwd = existsSync(source.folder) ? source.folder : '/'
  const child = spawn(process.execPath, [program], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
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
