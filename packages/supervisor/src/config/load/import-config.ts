import { extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describePath } from '../show.js'
import { describeError, placeOf } from './error-place.js'
import { resolveOwnConfig } from './own-config.js'
import { firstOddValue } from './plain.js'

export type EvaluationMessage =
  | { type: 'config'; input: unknown }
  /** `place`: absolute `file:line:column` of the error. Null if it is unknown. */
  | { type: 'failed'; place: string | null; reason: string }

/** Imports the configuration and checks that it exports plain data. */
export async function importConfig(file: string): Promise<EvaluationMessage> {
  try {
    const exported = await importDefault(file)
    if (exported === undefined)
      return complaint('exports nothing, wanted "export default defineConfig({ … })"')
    const odd = firstOddValue(exported)
    if (odd !== null) return complaint(`${describePath(odd.path)} is ${odd.what}, wanted plain data`)
    return { type: 'config', input: exported }
  } catch (error) {
    return { type: 'failed', place: placeOf(error, file), reason: `throws ${describeError(error)}` }
  }
}

const complaint = (reason: string): EvaluationMessage => ({ type: 'failed', place: null, reason })

async function importDefault(file: string): Promise<unknown> {
  const typescript = /\.[mc]?ts$/.test(extname(file))
  // Missing before Node 22.10. False if Node does not strip types.
  const native = Boolean((process.features as { typescript?: unknown }).typescript)
  if (typescript && !native) return importByJiti(file)
  resolveOwnConfig()
  try {
    return await exportOf((await import(pathToFileURL(file).href)) as Module)
  } catch (error) {
    // Enums, namespaces and parameter properties need a transformation, not only stripping.
    const code = (error as { code?: string } | null)?.code
    if (typescript && code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return importByJiti(file)
    throw error
  }
}

async function importByJiti(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const alias = { 'handover/config': fileURLToPath(new URL('../index.js', import.meta.url)) }
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false, alias })
  return exportOf(await jiti.import<Module>(file))
}

interface Module {
  default?: unknown
}

/** The default export. A compiled CommonJS module has it one level deeper. */
async function exportOf(module: Module): Promise<unknown> {
  const exported = await module.default
  const compiled = typeof exported === 'object' && exported !== null && '__esModule' in exported
  return compiled ? (exported as Module).default : exported
}
