/** The table of rooms after `<!-- rooms of NAME -->` in a page of Markdown, from a room to those it may import. */
export function roomsIn(page, name) {
  const [, after] = page.split(`<!-- rooms of ${name} -->`)
  const table = after?.trim().split(/\n\s*\n/)[0]
  if (table === undefined) return null
  const rows = table.split('\n').slice(2)
  const cells = rows.map((row) => row.split('|').slice(1, -1))
  return Object.fromEntries(cells.map((row) => [names(row[0])[0], names(row.at(-1))]))
}

function names(cell) {
  return [...cell.matchAll(/`([^`]+?)\/?`/g)].map(([, name]) => name)
}
