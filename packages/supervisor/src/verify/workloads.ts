import type { Expected } from './answer.js'
import { startArrivals } from './arrivals.js'
import { draw, type LoadOptions, type Range } from './options.js'
import type { LoadContext, Trickle } from './recorded-connection.js'
import { requestTemplate, uploadBody, withQuery, type RequestPlan, type RequestTemplate } from './request.js'
import { Session, type SessionPlan } from './session.js'

/** Milliseconds over which the starts of the clients are spread. Node's default listen queue holds 511 connections. */
const spreadMs = 500
/** Number of different durations for a slow path. Their requests are encoded once, in advance. */
const slowSteps = 16

/** Starts every configured workload. Returns a function that stops them all. */
export function startWorkloads(context: LoadContext): () => void {
  const { workloads } = context.options
  const stops: (() => void)[] = []
  const sessions = (count: number, plan: SessionBehaviour) => {
    for (let i = 0; i < count; i++) {
      const startAfterMs = (i / count) * spreadMs
      const session = new Session(context, { opensEarly: i % 2 === 1, startAfterMs, ...plan })
      stops.push(() => session.stop())
    }
  }
  if (workloads.newConnections) {
    const template = requestTemplate(context.options, { ...mainRequest(context.options), close: true })
    const tally = context.recorder.tally('new connections')
    stops.push(startArrivals(context, tally, workloads.newConnections.perSecond, template))
  }
  for (const [count, plan] of closedLoops(context)) sessions(count, plan)
  return () => {
    for (const stop of stops) stop()
  }
}

/** The GET of workloads that name no path. Its answer is compared with the calibrated one. */
export function mainRequest(options: LoadOptions): RequestPlan {
  return request(options, 'GET', options.path ?? '/')
}

/** The requests of the workloads that need a calibration: all but those with an `expect`. */
export function plannedRequests(options: LoadOptions): RequestPlan[] {
  const { slow, uploads, streams } = options.workloads
  const plans = [mainRequest(options)]
  if (slow?.path !== undefined) plans.push(slowRequest(options, slow.path, slow.ms[0]))
  if (uploads) plans.push(uploadRequest(options, uploads))
  if (streams && streams.expect === undefined) plans.push(request(options, 'GET', streams.path))
  return plans
}

type SessionBehaviour = Omit<SessionPlan, 'opensEarly' | 'startAfterMs'>

function closedLoops({ options, recorder }: LoadContext): [count: number, plan: SessionBehaviour][] {
  const { keepAlive = [], slow, uploads, streams, pipelining } = options.workloads
  const main = requestTemplate(options, mainRequest(options))
  const loops: [number, SessionBehaviour][] = []
  for (const { connections, thinkMs } of keepAlive) {
    const tally = recorder.tally(`keep-alive, think ${thinkMs[0]}-${thinkMs[1]} ms`)
    loops.push([connections, { tally, thinkMs, next: () => [main] }])
  }
  if (slow) loops.push([slow.concurrency, slowSession(options, slow, main, recorder)])
  if (uploads) {
    const upload = requestTemplate(options, uploadRequest(options, uploads))
    const tally = recorder.tally('uploads')
    loops.push([uploads.concurrency, { tally, thinkMs: [0, 20], next: () => [upload], cut: cutUpload }])
  }
  if (streams) {
    const stream = requestTemplate(options, streamRequest(options, streams))
    loops.push([
      streams.concurrency,
      { tally: recorder.tally('streams'), thinkMs: [0, 20], next: () => [stream] },
    ])
  }
  if (pipelining) {
    const batch = (): [RequestTemplate, ...RequestTemplate[]] => [
      main,
      ...Array<RequestTemplate>(pipelining.depth - 1).fill(main),
    ]
    loops.push([
      pipelining.connections,
      { tally: recorder.tally('pipelining'), thinkMs: [0, 50], next: batch },
    ])
  }
  return loops
}

function slowSession(
  options: LoadOptions,
  { path, ms }: { path?: string; ms: Range },
  main: RequestTemplate,
  recorder: LoadContext['recorder'],
): SessionBehaviour {
  const tally = recorder.tally('slow')
  if (path === undefined) return { tally, thinkMs: [0, 100], next: () => [main], cut: cutSlowly(ms) }
  const templates = Array.from({ length: slowSteps }, () =>
    requestTemplate(options, slowRequest(options, path, Math.round(draw(ms)))),
  )
  const any = () => templates[Math.floor(Math.random() * slowSteps)] ?? main
  return { tally, thinkMs: [0, 100], next: () => [any()] }
}

function request(options: LoadOptions, method: 'GET' | 'POST', path: string, expectedAs = path): RequestPlan {
  const calibrated = options.calibration?.find(method, expectedAs)
  const expected: Expected = calibrated?.expected ?? { type: 'class', statusClass: null }
  return { method, path, expected, echoesId: calibrated?.echoesId ?? false, close: false }
}

/** The answers for all durations are compared with the calibrated answer for the shortest one. */
function slowRequest(options: LoadOptions, path: string, ms: number): RequestPlan {
  const shortest = options.workloads.slow?.ms[0] ?? ms
  return request(options, 'GET', withQuery(path, 'ms', ms), withQuery(path, 'ms', shortest))
}

function uploadRequest(options: LoadOptions, uploads: { bytes: number; path?: string }): RequestPlan {
  return { ...request(options, 'POST', uploads.path ?? options.path ?? '/'), body: uploadBody(uploads.bytes) }
}

function streamRequest(options: LoadOptions, streams: { path: string; expect?: Uint8Array }): RequestPlan {
  const plan = request(options, 'GET', streams.path)
  if (streams.expect === undefined) return plan
  return { ...plan, expected: { type: 'exact', status: 200, body: Buffer.from(streams.expect) } }
}

/** Splits the request twice inside the head, and the rest into up to ten pieces. */
function cutUpload(request: Buffer): Trickle {
  const first = 1 + Math.floor(Math.random() * 40)
  const pieces = [request.subarray(0, first), request.subarray(first, first + 20)]
  const step = Math.max(1, Math.ceil((request.length - first - 20) / 10))
  for (let at = first + 20; at < request.length; at += step) pieces.push(request.subarray(at, at + step))
  return { pieces, pauseMs: 3, readPauseMs: 0 }
}

/** Half of the time passes while the request is sent, in ten pieces, the other half before the answer is read. */
const cutSlowly =
  (ms: Range) =>
  (request: Buffer): Trickle => {
    const total = draw(ms)
    const step = Math.ceil(request.length / 10)
    const pieces: Buffer[] = []
    for (let at = 0; at < request.length; at += step) pieces.push(request.subarray(at, at + step))
    return { pieces, pauseMs: total / 2 / pieces.length, readPauseMs: total / 2 }
  }
