import type { Result } from '../../model/index.js'
import type { ProgramContext } from './program.js'

/** A command and its environment. */
export interface ResolvedCommand {
  argv: string[]
  env: Record<string, string>
}

/**
 * Reads the arguments of a launcher, and returns the command that the launcher would run. Null if it is to be run as
 * written.
 */
export type Launcher = (words: string[], context: ProgramContext) => Result<ResolvedCommand> | null
