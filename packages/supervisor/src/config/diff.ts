import type { ServiceSpec } from '../model/index.js'
import { show } from './show.js'

export interface FieldChange {
  /** For example `listen.http.port`. */
  field: string
  /** Undefined: the field was not set. */
  from: unknown
  to: unknown
}

/** What differs between two configurations: names of services, and the fields that changed in each. */
export interface ConfigDifference {
  added: string[]
  removed: string[]
  changed: string[]
  changes: Record<string, FieldChange[]>
  /** The same for people, one sentence each. Empty if nothing differs. */
  lines: string[]
}

export function diffServices(before: ServiceSpec[], after: ServiceSpec[]): ConfigDifference {
  const old = new Map(before.map((spec) => [spec.name, spec]))
  const names = new Set(after.map(({ name }) => name))
  const added = after.filter(({ name }) => !old.has(name)).map(({ name }) => name)
  const removed = [...old.keys()].filter((name) => !names.has(name))
  const changes: Record<string, FieldChange[]> = {}
  for (const spec of after) {
    const previous = old.get(spec.name)
    const fields = previous ? diffFields(previous, spec, '') : []
    if (fields.length > 0) changes[spec.name] = fields
  }
  return { added, removed, changed: Object.keys(changes), changes, lines: describe(added, removed, changes) }
}

function diffFields(from: unknown, to: unknown, field: string): FieldChange[] {
  if (!isRecord(from) || !isRecord(to)) {
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ field, from, to }]
  }
  const keys = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...keys].flatMap((key) => diffFields(from[key], to[key], field === '' ? key : `${field}.${key}`))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function describe(added: string[], removed: string[], changes: Record<string, FieldChange[]>): string[] {
  return [
    ...added.map((name) => `${name}: added`),
    ...removed.map((name) => `${name}: removed`),
    ...Object.entries(changes).flatMap(([name, fields]) =>
      fields.map((change) => `${name}: ${describeChange(change)}`),
    ),
  ]
}

/** Hides the values of environment variables: they may be passwords, and these lines go to logs. */
function describeChange({ field, from, to }: FieldChange): string {
  if (!field.startsWith('env.')) return `${field} was ${showField(from)}, is ${showField(to)}`
  return `${field} was ${from === undefined ? 'added' : to === undefined ? 'removed' : 'changed'}`
}

const showField = (value: unknown): string => (value === undefined ? 'not set' : show(value))
