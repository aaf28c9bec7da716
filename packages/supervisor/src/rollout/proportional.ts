/** A revision and how many living instances it has. */
export interface SetSize {
  revision: number
  size: number
}

/**
 * Spreads a scaling in the middle of a rollout over the revisions that have instances, in proportion to their
 * sizes, so that the risk stays the same (Kubernetes: scale and GetProportion). Worked: 8 old and 5 new of 10
 * replicas with a surge of 3, scaled to 15: 18 are allowed, so 5 are added: the old get
 * round(8 × 18 / 13) - 8 = 3, the new round(5 × 18 / 13) - 5 = 2. What rounding leaves over goes to the largest.
 *
 * `maxTotal`: replicas + maxSurge now; `maxTotalBefore`: what it was when the sizes were right.
 */
export function proportionalSizes(sets: SetSize[], maxTotal: number, maxTotalBefore: number): SetSize[] {
  const total = sets.reduce((sum, { size }) => sum + size, 0)
  const toAdd = maxTotal - total
  if (toAdd === 0) return sets.map((set) => ({ ...set }))

  let added = 0
  const resized = inOrder(sets, toAdd > 0).map(({ revision, size }) => {
    const share = Math.round((size * maxTotal) / maxTotalBefore) - size
    const rest = toAdd - added
    const portion = toAdd > 0 ? Math.min(share, rest) : Math.max(share, rest)
    added += portion
    return { revision, size: size + portion }
  })
  const [largest] = resized
  if (largest) largest.size = Math.max(0, largest.size + toAdd - added)
  return resized
}

/** Largest first; among equals the newest when instances are added, the oldest when they are taken. */
const inOrder = (sets: SetSize[], adding: boolean): SetSize[] =>
  sets.toSorted((a, b) => b.size - a.size || (adding ? b.revision - a.revision : a.revision - b.revision))
