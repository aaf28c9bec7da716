export interface OddValue {
  path: PropertyKey[]
  what: string
}

/** The first value that JSON would lose or change without a word: a function, a date, a cycle; null if none is. */
export function firstOddValue(
  value: unknown,
  path: PropertyKey[] = [],
  parents: object[] = [],
): OddValue | null {
  if (typeof value === 'function') return { path, what: 'a function' }
  if (typeof value === 'symbol' || typeof value === 'bigint') return { path, what: `a ${typeof value}` }
  if (typeof value === 'number' && !Number.isFinite(value)) return { path, what: String(value) }
  if (typeof value !== 'object' || value === null) return null
  if (parents.includes(value)) return { path, what: 'a part of itself' }
  if (!Array.isArray(value) && !isPlain(value)) return { path, what: `a ${value.constructor.name}` }
  for (const [key, field] of Object.entries(value)) {
    const odd = firstOddValue(field, [...path, Array.isArray(value) ? Number(key) : key], [...parents, value])
    if (odd !== null) return odd
  }
  return null
}

/** Objects of another realm count too: a configuration may come out of a `vm`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
