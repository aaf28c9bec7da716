import type { InstanceMessage } from '@handover/process/protocol'
import { accountFields } from '@handover/process/protocol'

/** A parsed line of the channel. The peer can be any version of the library, or another program. */
export type ParsedMessage =
  | { kind: 'message'; message: InstanceMessage }
  /** Well formed, of a type that this version does not know. */
  | { kind: 'unknown'; type: string }
  | { kind: 'malformed'; reason: string }

type Type = InstanceMessage['type']
type Check = (value: unknown) => boolean

const isString: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isBoolean: Check = (value) => typeof value === 'boolean'
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString)
const isBound: Check = (value) =>
  Array.isArray(value) && value.every((one) => isRecord(one) && isName(one['name']) && isCount(one['fd']))
const isAddress: Check = (value) =>
  isRecord(value) &&
  (value['type'] === 'unix'
    ? isString(value['path'])
    : (value['type'] === 'tcp' || value['type'] === 'udp') &&
      isString(value['host']) &&
      isCount(value['port']))
const isOptionalString: Check = (value) => value === undefined || isString(value)

/** It becomes a field of LISTEN_FDNAMES, and part of a name in systemd's store. */
const isName: Check = (value) => isString(value) && /^[a-z0-9][-a-z0-9.]{0,62}$/.test(String(value))
const isCount: Check = (value) => isNumber(value) && Number(value) >= 0
const isAccount: Check = (value) =>
  isRecord(value) &&
  Object.entries(accountFields).every(
    ([field, need]) => isCount(value[field]) || (need === 'optional' && value[field] === undefined),
  )

/** The fields that each message must have. Others are ignored: a later version may have added them. */
const fields: Record<Type, Record<string, Check>> = {
  hello: { version: isNumber, pid: isNumber, library: isString, revision: isOptionalString },
  listening: { address: isString, listener: isOptionalString },
  closed: { address: isString, listener: isOptionalString },
  accepting: { accepting: isBoolean },
  bound: { listeners: isBound },
  listener: { address: isAddress },
  adopts: { path: isString, listeners: isStrings },
  ready: {},
  status: { text: isString },
  draining: { account: isAccount },
  account: { account: isAccount },
  drained: { account: isAccount, cut: isStrings, seconds: isNumber },
  executing: { account: isAccount },
  execFailed: { code: isString, message: isString },
  error: { message: isString },
}

export function parseInstanceMessage(line: string): ParsedMessage {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { kind: 'malformed', reason: 'a line is not JSON' }
  }
  if (!isRecord(value) || typeof value['type'] !== 'string') {
    return { kind: 'malformed', reason: 'a line is not an object with a "type"' }
  }
  const { type } = value
  if (!isKnown(type)) return { kind: 'unknown', type }
  const wrong = Object.entries(fields[type]).find(([field, check]) => !check(value[field]))
  if (wrong) return { kind: 'malformed', reason: `"${type}" has no valid "${wrong[0]}"` }
  return { kind: 'message', message: value as unknown as InstanceMessage }
}

const isKnown = (type: string): type is Type => Object.hasOwn(fields, type)

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
