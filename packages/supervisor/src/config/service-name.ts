import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { divideNodeWords } from '../model/node-words.js'
import { defaultName, sanitiseName } from './paths.js'

/** Programs whose argument, the script, makes the better name. */
const interpreters = /^(node|nodejs|bun|deno|tsx|ts-node|python[\d.]*|ruby|php|perl|sh|bash)$/
const packageScripts = /^(npm|yarn|pnpm)$/
const sourceExtension = /\.([mc]?[jt]sx?|py|rb|php|pl|sh|jar)$/

/** Name of a service on the command line: `app.js` is app, `./my-go-server` is my-go-server, `npm start` the package's name. */
export function serviceNameOf(program: string[], folder: string): string {
  const [first = '', ...rest] = program
  const name = basename(first)
  if (packageScripts.test(name)) return packageName(folder) ?? defaultName(folder)
  // `node --import ./hook.mjs app.mjs` is app, not hook.
  const words = /^node(js)?$/.test(name) ? [divideNodeWords(rest).script ?? '', ...rest] : rest
  const script = interpreters.test(name) ? words.find((word) => sourceExtension.test(word)) : undefined
  return sanitiseName(basename(script ?? first).replace(sourceExtension, ''))
}

function packageName(folder: string): string | null {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }
    return typeof name === 'string' && name !== '' ? sanitiseName(basename(name)) : null
  } catch {
    return null
  }
}
