import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { defaultName, sanitiseName } from './paths.js'

/** Programs that run another one: that one's name says more. */
const interpreters = /^(node|nodejs|bun|deno|tsx|ts-node|python[\d.]*|ruby|php|perl|sh|bash)$/
const packageScripts = /^(npm|yarn|pnpm)$/
const sourceExtension = /\.([mc]?[jt]sx?|py|rb|php|pl|sh|jar)$/

/** What a service without a name is called: `app.js` is app, `./my-go-server` is my-go-server, `npm start` the package. */
export function serviceNameOf(program: string[], folder: string): string {
  const [first = '', ...rest] = program
  const name = basename(first)
  if (packageScripts.test(name)) return packageName(folder) ?? defaultName(folder)
  const script = interpreters.test(name) ? rest.find((argument) => sourceExtension.test(argument)) : undefined
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
