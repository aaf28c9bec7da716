import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { documents, findConfig, programs } from './find.js'
import { evaluateConfig } from './load/evaluate.js'
import { parseJson, parseYaml } from './load/parse.js'
import { pathFrom } from './path-from.js'
import type { Locate } from './problems.js'
import { describePath, shownPath } from './show.js'
import type { LoadedConfig } from './validate.js'
import { validateConfig } from './validate.js'

export { findConfig, isConfigFile } from './find.js'
export type { LoadedConfig } from './validate.js'

/** A configuration before it is checked. */
interface RawConfig {
  input: unknown
  locate: Locate
  notes: string[]
}

/**
 * Reads and checks the configuration: the file `path`, or `handover.config.*` in `cwd` where `path` is null. Each
 * call reads it again. Fails with `Usage` and one line for each problem, which names the file and the field.
 */
export async function loadConfig(path: string | null, cwd: string): Promise<Result<LoadedConfig>> {
  const file = path === null ? findConfig(cwd) : pathFrom(cwd, path)
  if (file === null) {
    return failed(
      'Usage',
      `there is no configuration in "${cwd}", wanted a handover.config.{ts,mts,mjs,js,cjs,json,yaml,yml}`,
    )
  }
  if (!existsSync(file)) return failed('Usage', `there is no configuration file "${shownPath(file, cwd)}"`)
  const raw = await readConfig(file, cwd)
  if (!raw.ok) return raw
  const { input, locate, notes } = raw.value
  const config = validateConfig(input, { file, folder: dirname(file), locate })
  return config.ok ? ok({ ...config.value, notes: [...config.value.notes, ...notes] }) : config
}

async function readConfig(file: string, cwd: string): Promise<Result<RawConfig>> {
  const shown = shownPath(file, cwd)
  const extension = extname(file)
  if (programs.includes(extension)) {
    const evaluated = await evaluateConfig(file, cwd)
    if (!evaluated.ok) return evaluated
    const locate: Locate = (path) => `${shown}: ${describePath(path)}`
    return ok({ input: evaluated.value.input, locate, notes: evaluated.value.notes })
  }
  if (!documents.includes(extension)) {
    return failed(
      'Usage',
      `the configuration "${shown}" ends in "${extension}", wanted one of ${[...programs, ...documents].join(' ')}`,
    )
  }
  const text = readText(file, shown)
  if (!text.ok) return text
  const parsed = extension === '.json' ? parseJson(text.value, shown) : parseYaml(text.value, shown)
  return parsed.ok ? ok({ ...parsed.value, notes: [] }) : parsed
}

function readText(file: string, shown: string): Result<string> {
  try {
    return ok(readFileSync(file, 'utf8'))
  } catch (error) {
    return failed('Usage', `the configuration "${shown}" cannot be read: ${(error as Error).message}`)
  }
}
