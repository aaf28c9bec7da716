import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { SpecSource } from './source.js'

/**
 * Remembers that a configuration has replaced the source that a supervisor was started with (`upgrade -c`), so that one
 * that is started again in the same way, after it was killed or the machine restarted, continues with it.
 */
export interface SourceMemory {
  /** The configuration that has replaced this source. Null: none has, or it does not exist any more. */
  recall(given: SpecSource): string | null
  keep(given: SpecSource, config: string): void
  forget(): void
}

interface Remembered {
  given: string
  config: string
}

/** In this file, of JSON. What cannot be written is not remembered. */
export function sourceMemory(file: string): SourceMemory {
  return {
    recall(given) {
      try {
        const { given: known, config } = JSON.parse(readFileSync(file, 'utf8')) as Remembered
        return known === identityOf(given) && existsSync(config) ? config : null
      } catch {
        return null
      }
    },
    keep(given, config) {
      const remembered: Remembered = { given: identityOf(given), config }
      try {
        writeFileSync(`${file}.new`, JSON.stringify(remembered), { mode: 0o600 })
        renameSync(`${file}.new`, file)
      } catch {
        rmSync(`${file}.new`, { force: true })
      }
    },
    forget: () => rmSync(file, { force: true }),
  }
}

/** The same for the same command line. A configuration is known by its path, wherever the command was given. */
const identityOf = (source: SpecSource): string =>
  source.type === 'config' ? source.path : JSON.stringify([source.folder, source.options])
