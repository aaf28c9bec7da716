import { z } from 'zod'

/** The suffixes of Kubernetes' resource.Quantity, and `K`, which it does not have. */
const factors: Record<string, number> = {
  ...{ '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
}

const wanted = "an amount of memory ('300Mi', '1.5Gi', '500M' or a number of bytes), at least 1Mi"
const pattern = /^(\d+(?:\.\d+)?)([kKMGT]|[KMGT]i)?$/

/** Bytes, in Kubernetes' notation. Under 1Mi is refused as a forgotten unit: no process is that small. */
export const memory = z
  .union([z.number({ error: wanted }), z.string({ error: wanted }).regex(pattern, { error: wanted })], {
    error: wanted,
  })
  .transform((value, context): number => {
    const bytes = bytesOf(value)
    if (bytes >= 2 ** 20 && Number.isSafeInteger(bytes)) return bytes
    context.issues.push({ code: 'custom', input: value, message: wanted })
    return z.NEVER
  })

/** Rounds up to whole bytes, as Kubernetes does. */
function bytesOf(value: number | string): number {
  if (typeof value === 'number') return Math.ceil(value)
  const [, number, suffix = ''] = pattern.exec(value) ?? []
  return Math.ceil(Number(number) * (factors[suffix] ?? NaN))
}
