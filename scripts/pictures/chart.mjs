// The bar chart of docs/pictures/failed-requests.json: requests that failed per upgrade. It brings its own background,
// so that it reads the same on a light and on a dark page.

const [width, margin, barX, rowHeight, top] = [840, 28, 268, 46, 96]
const barEnd = width - margin - 64

export function failedRequestsSvg({ machine, load, upgrades, results }) {
  const bars = [...results].sort((a, b) => a.failedPerUpgrade - b.failedPerUpgrade)
  const most = Math.max(...bars.map(({ failedPerUpgrade }) => failedPerUpgrade))
  const bottom = top + bars.length * rowHeight
  const title = 'Requests that fail per upgrade'
  const subtitle =
    `${load.keepAliveClients} keep-alive clients and ${load.newConnectionsPerSecond} new connections a second, ` +
    `mean of ${upgrades} upgrades; nothing is sent twice`
  const versions = new Map(results.map(({ name, version }) => [name.split(',')[0], version]))
  const measured = [...versions].filter(([name]) => name !== 'node:cluster').map((pair) => pair.join(' '))
  const source = `bench/failed-requests.mjs with ${measured.join(', ')}; Node ${machine.node}, ${machine.cores} cores`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 52}" role="img" aria-label="${title}: ${bars.map(({ name, failedPerUpgrade }) => `${name} ${shown(failedPerUpgrade)}`).join(', ')}">
<title>${title}</title>
<style>
text{font-family:-apple-system,BlinkMacSystemFont,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif;font-size:14px;fill:#1f2328}
.t{font-size:20px;font-weight:600}.s{font-size:13px;fill:#59636e}.m{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#59636e}
.n{font-weight:600}.z{fill:#1a7f37;font-weight:600}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${bottom + 51}" rx="8" fill="#fff" stroke="#d1d9e0"/>
<text class="t" x="${margin}" y="42">${title}</text>
<text class="s" x="${margin}" y="66">${subtitle}</text>
${bars.map((bar, index) => row(bar, top + index * rowHeight, most)).join('\n')}
<path d="M${barX} ${top - 8}V${bottom - 4}" stroke="#d1d9e0"/>
<text class="s" x="${margin}" y="${bottom + 30}">${source}</text>
</svg>
`
}

function row({ name, command, failedPerUpgrade }, y, most) {
  const length = most === 0 ? 0 : Math.round((failedPerUpgrade / most) * (barEnd - barX))
  const [tool, ...details] = name.split(', ')
  const detail = details.join(', ')
  const none = failedPerUpgrade === 0
  return [
    `<text x="${margin}" y="${y + 14}"><tspan class="n">${tool}</tspan>${detail ? ` ${detail}` : ''}</text>`,
    `<text class="m" x="${margin}" y="${y + 31}">${command}</text>`,
    `<rect x="${barX}" y="${y + 4}" width="${length}" height="26" fill="#cf222e"/>`,
    `<text class="${none ? 'z' : 'n'}" x="${barX + length + 10}" y="${y + 22}">${shown(failedPerUpgrade)}</text>`,
  ].join('')
}

const shown = (value) => (value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0))
