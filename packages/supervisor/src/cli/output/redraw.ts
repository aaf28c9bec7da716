/** A part of the terminal that is drawn again and again; lines above it stay. */
export interface Redraw {
  draw(lines: string[]): void
  /** Stops drawing and shows the cursor; `keep` false also clears the last picture. */
  end(keep: boolean): void
}

export function redraw(stream: NodeJS.WriteStream): Redraw {
  let height = 0
  const clear = () => {
    if (height > 0) stream.write(`\u001b[${height}F\u001b[J`)
    height = 0
  }
  const hideCursor = '\u001b[?25l'
  const showCursor = '\u001b[?25h'
  const restore = () => void stream.write(showCursor)
  stream.write(hideCursor)
  process.once('exit', restore)

  return {
    draw(lines) {
      const rows = stream.rows || 24
      const shown = lines.slice(0, rows - 1).map((line) => clip(line, stream.columns || 80))
      clear()
      stream.write(shown.map((line) => `${line}\n`).join(''))
      height = shown.length
    },
    end(keep) {
      if (!keep) clear()
      restore()
      process.removeListener('exit', restore)
    },
  }
}

/** Cuts a line to the width of the terminal: a wrapped line would take two rows, and `clear` would miss one. */
function clip(line: string, columns: number): string {
  let width = 0
  let clipped = ''
  // eslint-disable-next-line no-control-regex -- ESC begins a colour code, which has no width
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b')) clipped += part
    else {
      const room = Math.max(0, columns - width)
      clipped += part.slice(0, room)
      width += part.length
    }
  }
  return clipped
}
