// A recorded terminal as an animated SVG: every screen is drawn once, one below the other, and CSS shows them in turn.
// A line that stands on several screens is in the file once. No script: GitHub shows the file as an image.

const [cellWidth, lineHeight, fontSize] = [8.4, 18, 14]
const [padding, titleBar] = [16, 34]
/** Milliseconds for which the last screen stays before it begins again. */
const holdMs = 8000

const background = '#0d1117'
const foreground = '#e6edf3'
const colours = {
  31: '#ff7b72',
  32: '#3fb950',
  33: '#d29922',
  34: '#58a6ff',
  35: '#bc8cff',
  36: '#39c5cf',
  90: '#8b949e',
}

/** The command is the title, for the bar at the top and for screen readers. */
export function terminalSvg({ command: title, columns, frames }) {
  const rows = Math.max(...frames.map(({ lines }) => lines.length))
  const [width, height] = [columns * cellWidth + 2 * padding, rows * lineHeight + padding]
  const lines = new Map()
  const idOf = (line) => {
    if (!lines.has(line)) lines.set(line, `l${lines.size.toString(36)}`)
    return lines.get(line)
  }
  const screens = frames.map(({ lines, cursor }, index) => {
    const uses = lines.flatMap((line, row) =>
      line === '' ? [] : [`<use href="#${idOf(line)}" y="${row * lineHeight}"/>`],
    )
    const block = cursor
      ? `<rect class="c" x="${round(cursor.x * cellWidth)}" y="${cursor.y * lineHeight}" width="${cellWidth}" height="${lineHeight}"/>`
      : ''
    return `<g transform="translate(0 ${index * height})">${block}${uses.join('')}</g>`
  })
  const total = frames.at(-1).ms + holdMs
  const keyframes = frames.map(
    ({ ms }, index) => `${round((ms / total) * 100)}%{transform:translateY(${-index * height}px)}`,
  )
  const last = -(frames.length - 1) * height
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height + titleBar}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>
text{font:${fontSize}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:${foreground};white-space:pre}
.b{font-weight:bold}.c{fill:${foreground};opacity:.7}
${Object.entries(colours)
  .map(([code, colour]) => `.k${code}{fill:${colour}}`)
  .join('')}
#film{animation:film ${total}ms step-end infinite}
@keyframes film{${keyframes.join('')}to{transform:translateY(${last}px)}}
@media(prefers-reduced-motion){#film{animation:none;transform:translateY(${last}px)}}
</style>
<defs>
<clipPath id="window"><rect width="${round(width)}" height="${height}"/></clipPath>
${[...lines].map(([line, id]) => `<text id="${id}" y="${lineHeight - 5}">${spans(line)}</text>`).join('\n')}
</defs>
<rect width="100%" height="100%" rx="8" fill="${background}"/>
<path d="M0 ${titleBar - 0.5}h${round(width)}" stroke="#30363d"/>
<circle cx="20" cy="17" r="5.5" fill="#ff5f57"/><circle cx="38" cy="17" r="5.5" fill="#febc2e"/><circle cx="56" cy="17" r="5.5" fill="#28c840"/>
<text x="50%" y="22" text-anchor="middle" class="k90">${escape(title)}</text>
<g transform="translate(${padding} ${titleBar + padding / 2})" clip-path="url(#window)"><g id="film">
${screens.join('\n')}
</g></g>
</svg>
`
}

/**
 * One line with its colours. A gap of two spaces or more begins a new piece at a place of its own, so that columns stay
 * straight in a font of any width.
 */
function spans(line) {
  let column = 0
  let style = { bold: false, colour: null }
  let result = ''
  // eslint-disable-next-line no-control-regex -- ESC begins a colour code
  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    if (part.startsWith('\u001b')) {
      for (const code of part.slice(2, -1).split(';')) style = restyle(style, Number(code))
      continue
    }
    for (const [, gap, text] of part.matchAll(/( *)((?:[^ ]| (?! ))*)/g)) {
      column += gap.length
      if (text !== '')
        result += `<tspan x="${round(column * cellWidth)}"${classes(style)}>${escape(text)}</tspan>`
      column += text.length
    }
  }
  return result
}

function restyle(style, code) {
  if (code === 0) return { bold: false, colour: null }
  if (code === 1) return { ...style, bold: true }
  if (code === 22) return { ...style, bold: false }
  if (code === 39) return { ...style, colour: null }
  return code in colours ? { ...style, colour: code } : style
}

function classes({ bold, colour }) {
  const names = [...(bold ? ['b'] : []), ...(colour === null ? [] : [`k${colour}`])]
  return names.length === 0 ? '' : ` class="${names.join(' ')}"`
}

const round = (value) => Number(value.toFixed(3))

const escape = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
