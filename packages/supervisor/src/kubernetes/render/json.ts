import type { Json, JsonObject } from '../../model/index.js'

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const fieldOf = (value: Json | undefined, name: string): Json | undefined =>
  isObject(value) ? value[name] : undefined

export const listOf = (value: Json | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

export const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

export const without = (value: JsonObject, ...names: string[]): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)))

/** Drops fields that are undefined, `[]` or `{}`; keeps the order. */
export function compact(fields: Record<string, Json | undefined>): JsonObject {
  const entries = Object.entries(fields).filter(
    (entry): entry is [string, Json] => entry[1] !== undefined && !isEmpty(entry[1]),
  )
  return Object.fromEntries(entries)
}

const isEmpty = (value: Json): boolean =>
  (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0)
