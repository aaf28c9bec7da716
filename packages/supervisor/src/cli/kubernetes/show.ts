import type { ServiceStatus } from '../../model/index.js'
import type { RollEnd, RollOrder } from '../../kubernetes/api/roll.js'
import { roll } from '../../kubernetes/api/roll.js'
import { exitCodes, worstExitCode } from '../../control/api.js'
import { exitCodeOf } from '../exit.js'
import { sayOutput } from '../operate.js'
import { continueWithoutReader } from '../output/lost-output.js'
import { servicePicture } from '../output/picture.js'
import { podReceiptLines } from '../output/pods.js'
import type { Redraw } from '../output/redraw.js'
import { redraw } from '../output/redraw.js'
import { painter, print, printJson, say } from '../output/talk.js'
import type { KubernetesOptions } from './reach.js'

export interface RollOptions extends KubernetesOptions {
  /** Commander's `--no-undo`, `--no-wait`. */
  undo?: boolean
  wait?: boolean | 'complete' | 'drained'
  timeout?: number
  failFast?: boolean
}

export interface Roll extends Pick<RollOrder, 'cluster' | 'deployment' | 'cause' | 'begin'> {
  /** Called when watching ends, for every reason. */
  onEnd?(): void
}

/** Seconds for which the API server may be unreachable during a rollout. */
const lostAfterSeconds = 60

/**
 * Runs rollouts and waits for their end. Shows a live picture on a terminal, a line per event elsewhere, then the
 * receipts. Returns the worst exit code. `begin` gets a function that prints a line above the picture.
 */
export async function rollAndShow(
  rolls: Roll[],
  options: RollOptions,
  begin: (report: (line: string) => void) => void = () => {},
): Promise<number> {
  continueWithoutReader()
  const leaving = leave(options.timeout)
  const view = openView(options.json === true)
  begin(view.report)
  const ends = await Promise.all(
    rolls.map(async (one) => {
      const end = await roll({
        ...one,
        undo: options.undo !== false,
        failFast: options.failFast === true,
        waitDrained: options.wait === 'drained',
        lostAfterSeconds,
        signal: leaving.signal,
        onStatus: view.status,
        onNote: (text) => view.note(rolls.length > 1 ? `${one.deployment.metadata.name}: ${text}` : text),
      })
      one.onEnd?.()
      return end
    }),
  )
  view.end()
  leaving.end()
  report(ends, options.json === true)
  return worstExitCode(ends.map((end) => exitCodeAt(end, leaving)))
}

function report(ends: RollEnd[], json: boolean): void {
  const receipts = ends.flatMap((end) => (end.type === 'ended' ? [end.receipt] : []))
  if (json && receipts.length > 0) printJson(receipts.length === 1 ? receipts[0] : receipts)
  for (const receipt of receipts) {
    if (!json) for (const line of podReceiptLines(receipt, painter(process.stdout))) print(line)
    if (receipt.failure) sayOutput(receipt.failure)
  }
  const failures = ends.flatMap((end) => ('failure' in end ? end.failure.message : []))
  for (const message of new Set(failures)) say(`handover: ${message}`)
  if (ends.some((end) => end.type === 'lost' && end.begun))
    say('the rollout continues unwatched and a failure is not undone: "handover kubernetes status" shows it')
}

function exitCodeAt(end: RollEnd, leaving: Leaving): number {
  switch (end.type) {
    case 'ended':
      return { complete: 0, 'rolled-back': exitCodes.rolledBack, failed: 1, stopped: 1 }[end.receipt.outcome]
    case 'refused':
    case 'lost':
      return exitCodeOf(end.failure)
    case 'left':
      return leaving.code(end.begun)
  }
}

interface Leaving {
  signal: AbortSignal
  /** Prints why watching ended and what continues; returns the exit code. */
  code(begun: boolean): number
  end(): void
}

/** SIGINT, SIGTERM and --timeout end only the watching; the rollout continues. */
function leave(timeout: number | undefined): Leaving {
  const controller = new AbortController()
  let code: number = exitCodes.timedOut
  let why = `stopped waiting after ${timeout} s`
  const handlers = { SIGINT: 2, SIGTERM: 15 } as const
  const stop = (signal: NodeJS.Signals) => {
    code = 128 + handlers[signal as keyof typeof handlers]
    why = 'stopped watching'
    controller.abort()
  }
  for (const signal of Object.keys(handlers)) process.once(signal, stop)
  const timer = timeout === undefined ? null : setTimeout(() => controller.abort(), timeout * 1000)
  return {
    signal: controller.signal,
    code(begun) {
      say(
        begun
          ? `${why}; the rollout continues in the cluster and a failure is not undone: "handover kubernetes status" shows it`
          : `${why}; nothing was changed`,
      )
      return code
    },
    end() {
      if (timer) clearTimeout(timer)
      for (const signal of Object.keys(handlers)) process.removeListener(signal, stop)
    },
  }
}

interface View {
  status(status: ServiceStatus): void
  note(text: string): void
  /** Prints a line that stays above the picture. */
  report(line: string): void
  end(): void
}

function openView(silent: boolean): View {
  const live = !silent && process.stderr.isTTY
  const screen: Redraw | null = live ? redraw(process.stderr) : null
  const paint = painter(process.stderr)
  const statuses = new Map<string, ServiceStatus>()
  let drawn = ''
  const reported: string[] = []
  const draw = () => {
    const pictures = [...statuses.values()].flatMap((one) => servicePicture(one, paint, Date.now()))
    const lines = [...reported, ...pictures]
    if (lines.join('\n') === drawn) return
    drawn = lines.join('\n')
    screen?.draw(lines)
  }
  return {
    status(status) {
      if (!screen) return
      statuses.set(status.name, status)
      draw()
    },
    report(line) {
      if (!screen) return say(line)
      reported.push(line)
      draw()
    },
    note(text) {
      if (!screen && !silent) say(text)
    },
    end: () => screen?.end(true),
  }
}
