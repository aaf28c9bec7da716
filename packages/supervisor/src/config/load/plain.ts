export interface OddValue {
  path: PropertyKey[]
  what: string
}

/** The first value that JSON would drop, change or refuse: a function, a date, a cycle. Null if there is none. */
export function firstOddValue(
  value: unknown,
  path: PropertyKey[] = [],
  parents: object[] = [],
): OddValue | null {
  if (typeof value === 'function') return { path, what: 'a function' }
  if (typeof value === 'symbol' || typeof value === 'bigint') return { path, what: `a ${typeof value}` }
  if (typeof value === 'number' && !Number.isFinite(value)) return { path, what: String(value) }
  if (typeof value !== 'object' || value === null) return null
  if (parents.includes(value)) return { path, what: 'a reference to an object that contains it' }
  if (!Array.isArray(value) && !isPlain(value)) return { path, what: `a ${value.constructor.name}` }
  for (const [key, field] of Object.entries(value)) {
    const odd = firstOddValue(field, [...path, Array.isArray(value) ? Number(key) : key], [...parents, value])
    if (odd !== null) return odd
  }
  return null
}

/** Accepts objects of another realm: a configuration may come out of a `vm`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
