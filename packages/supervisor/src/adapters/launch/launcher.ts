import type { Result } from '../../model/index.js'
import type { Surroundings } from './program.js'

/** A command, and the environment that it is to have. */
export interface Direct {
  argv: string[]
  env: Record<string, string>
}

/** Reads the words after a launcher's name and tells what the launcher would run. */
export type Launcher = (words: string[], surroundings: Surroundings) => Result<Direct>
