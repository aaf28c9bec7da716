/** Left-aligned columns, two spaces apart, without trailing spaces. Colour codes have no width. */
export function table(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, visibleLength(cell))),
    [],
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join('  ')
      .trimEnd(),
  )
}

// eslint-disable-next-line no-control-regex -- ESC begins a colour code
const visibleLength = (cell: string): number => cell.replaceAll(/\u001b\[[0-9;]*m/g, '').length
