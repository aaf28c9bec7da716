import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServiceCore } from '../service/core.js'

/**
 * Applications delete the file of their unix socket before they listen, in case an earlier run has left it, and again
 * when they exit. Here other processes listen on that socket, and without the file no client reaches any of them. So
 * these calls do nothing, and succeed, for the file of a socket that this service shares; the supervisor deletes it at
 * the end. Returns a function that removes the patch.
 */
export function keepSocketFiles(service: ServiceCore): () => void {
  const isShared = (file: unknown): boolean => {
    const name = nameOf(file)
    return name !== null && service.servers.sharesPath(path.resolve(name)) && fs.existsSync(name)
  }
  const done = () => Promise.resolve()
  const called = (...args: unknown[]) => {
    const callback = args.at(-1)
    if (typeof callback === 'function') process.nextTick(callback, null)
  }
  const undo = [
    ...(['unlinkSync', 'rmSync'] as const).map((name) => patch(fs, name, isShared, () => undefined)),
    ...(['unlink', 'rm'] as const).map((name) => patch(fs, name, isShared, called)),
    ...(['unlink', 'rm'] as const).map((name) => patch(fs.promises, name, isShared, done)),
  ]
  syncBuiltinESMExports()
  return () => {
    for (const one of undo) one()
    syncBuiltinESMExports()
  }
}

type Call = (this: unknown, ...args: unknown[]) => unknown

function patch(target: object, name: string, skips: (file: unknown) => boolean, skip: Call): () => void {
  const original = Reflect.get(target, name) as Call
  const patched: Call = function (this: unknown, ...args) {
    return skips(args[0]) ? skip(...args) : original.apply(this, args)
  }
  Object.defineProperty(patched, 'name', { value: name })
  // `util.promisify(fs.unlink)` and the like read properties of the function.
  Reflect.set(target, name, Object.assign(patched, original))
  return () => {
    if (Reflect.get(target, name) === patched) Reflect.set(target, name, original)
  }
}

function nameOf(file: unknown): string | null {
  if (typeof file === 'string') return file.includes('\0') ? null : file
  if (Buffer.isBuffer(file)) return file.toString()
  return file instanceof URL && file.protocol === 'file:' ? fileURLToPath(file) : null
}
