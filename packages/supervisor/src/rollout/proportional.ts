/** A revision and how many living instances it has. */
export interface SetSize {
  revision: number
  size: number
}

/**
 * Distributes scaling during a rollout over the revisions in proportion to their sizes, so that the risk does not
 * change (Kubernetes: scale and GetProportion). Example: 8 old and 5 new of 10 replicas with maxSurge 3 are scaled to
 * 15. Now 18 are allowed, so 5 are added: round(8 × 18 / 13) - 8 = 3 old, round(5 × 18 / 13) - 5 = 2 new. The remainder
 * of the rounding is added to the largest revision.
 *
 * `maxTotal`: replicas + maxSurge now. `maxTotalBefore`: the same before the scaling.
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

/** Largest first. Among equals: the newest first when adding instances, the oldest first when removing them. */
const inOrder = (sets: SetSize[], adding: boolean): SetSize[] =>
  sets.toSorted((a, b) => b.size - a.size || (adding ? b.revision - a.revision : a.revision - b.revision))
