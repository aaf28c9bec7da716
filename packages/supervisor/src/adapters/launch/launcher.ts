import type { Result } from '../../model/index.js'
import type { ProgramContext } from './program.js'

/** A command, and the environment that it is to have. */
export interface ResolvedCommand {
  argv: string[]
  env: Record<string, string>
}

/** Reads the words after a launcher's name and tells what the launcher would run. */
export type Launcher = (words: string[], context: ProgramContext) => Result<ResolvedCommand>
