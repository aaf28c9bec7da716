import type { ControlClient } from '../../control/client.js'
import type { Load, VerifyProgress } from '../../verify/index.js'
import { duration } from '../../model/text.js'
import { pictureLines } from './picture.js'
import { redraw } from './redraw.js'
import { painter, say } from './talk.js'

/** Shows a running verification: the rollout above, the load below; without a terminal a line per upgrade. */
export interface VerifyPicture {
  progress(progress: VerifyProgress): void
  end(): Promise<void>
}

export function startVerifyPicture(client: ControlClient, service: string, upgrades: number): VerifyPicture {
  return process.stderr.isTTY ? livePicture(client, service, upgrades) : plainLines(upgrades)
}

function plainLines(upgrades: number): VerifyPicture {
  let load: Load | null = null
  return {
    progress(progress) {
      if (progress.type === 'loadStarted') load = progress.load
      if (progress.type === 'coolingDown') say('cooling down')
      if (progress.type !== 'upgradeEnded') return
      const { upgrade, result } = progress
      const word = result.ok ? `done in ${duration(result.ms)}` : `failed: ${result.message ?? 'see above'}`
      say(`upgrade ${upgrade}/${upgrades} ${word}${load ? `, ${figures(load)}` : ''}`)
    },
    end: () => Promise.resolve(),
  }
}

function livePicture(client: ControlClient, service: string, upgrades: number): VerifyPicture {
  const paint = painter(process.stderr)
  const screen = redraw(process.stderr)
  const stop = new AbortController()
  let load: Load | null = null
  let rollout: string[] = []
  let done = 0
  let last = ''

  const draw = () => {
    const bar = '█'.repeat(done) + '░'.repeat(Math.max(0, upgrades - done))
    screen.draw([
      ...rollout,
      '',
      `upgrades  ${bar.length <= 60 ? `${bar} ` : ''}${done}/${upgrades}${last}`,
      ...(load ? [`load      ${figures(load)}`] : []),
    ])
  }
  const timer = setInterval(draw, 100)
  const watching = (async () => {
    const updates = await client.watch(stop.signal)
    if (!updates.ok) return
    for await (const line of updates.value) {
      if (line.type === 'status') rollout = pictureLines(line.status, [service], paint, Date.now())
    }
  })()

  return {
    progress(progress) {
      if (progress.type === 'loadStarted') load = progress.load
      if (progress.type === 'upgradeEnded' && progress.result.ok) {
        done = progress.upgrade
        last = `  last one in ${duration(progress.result.ms)}`
      }
    },
    async end() {
      clearInterval(timer)
      stop.abort()
      await watching
      draw()
      screen.end(true)
    },
  }
}

function figures(load: Load): string {
  const { answered, failed, requestsPerSecond } = load.report()
  return `${answered} answered (${requestsPerSecond.toFixed(0)} a second), ${failed} failed`
}
