import { isAbsolute } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { Operation } from './api.js'

type Fields = Record<string, unknown>
type Check = (value: unknown) => boolean

const isNames: Check = (value) => Array.isArray(value) && value.every((name) => typeof name === 'string')
const isWait: Check = (value) => value === 'complete' || value === 'drained'
const isPositive: Check = (value) => Number.isInteger(value) && (value as number) > 0
const isAbsolutePath: Check = (value) => typeof value === 'string' && isAbsolute(value)
const isReplicas: Check = (value) =>
  isObject(value) &&
  Object.values(value).every((number) => Number.isInteger(number) && (number as number) >= 0)

const services = { services: [isNames, 'a list of names'] } as const
const wait = { wait: [isWait, '"complete" or "drained"'] } as const
const config = { config: [isAbsolutePath, 'an absolute path'] } as const

/** The fields of each operation. Checked by hand: a schema library would use more memory than the rest of the supervisor. */
const fields: Record<Operation['type'], Record<string, readonly [Check, string]>> = {
  upgrade: { ...services, ...wait, ...config },
  restart: { ...services, ...wait },
  undo: { ...services, ...wait, toRevision: [isPositive, 'a whole number of at least 1'] },
  pause: services,
  resume: services,
  stop: services,
  scale: { replicas: [isReplicas, 'numbers of instances by service'] },
  reload: config,
  await: {},
}

/** Validates an operation. Fails with `Usage`. */
export function parseOperation(value: unknown): Result<Operation> {
  if (!isObject(value) || typeof value.type !== 'string' || !(value.type in fields))
    return failed('Usage', `unknown operation, wanted a type of ${Object.keys(fields).join(', ')}`)
  const known = fields[value.type as Operation['type']]
  for (const [field, given] of Object.entries(value)) {
    if (field === 'type') continue
    const [check, expected] = known[field] ?? []
    if (!check) return failed('Usage', `the operation "${value.type}" has no field "${field}"`)
    if (!check(given)) return failed('Usage', `${field} is ${JSON.stringify(given)}, wanted ${expected}`)
  }
  if (value.type === 'scale' && !('replicas' in value))
    return failed(
      'Usage',
      'the operation "scale" has no field "replicas", wanted numbers of instances by service',
    )
  return ok(value as Operation)
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
