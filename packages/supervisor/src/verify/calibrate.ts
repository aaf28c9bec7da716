import { failed, ok, type Result } from '../model/index.js'
import { Answer, type Expected } from './answer.js'
import type { Calibrated, Calibration } from './calibration.js'
import { Connection, type Exchange } from './connection.js'
import { defaultTimeoutMs, describeTarget, type LoadOptions } from './options.js'
import type { LoadReport } from './report.js'
import { requestTemplate, type RequestPlan } from './request.js'
import { plannedRequests } from './workloads.js'

/** Requests per path. They are sent at the same time, each on its own connection, so that several instances answer. */
const asks = 8
/** Bytes. If a body is longer, it is not kept, and only the status is compared. */
const maxBody = 64 * 1024 * 1024

/**
 * Requests every path of the workloads. If all answers to a path have the same status and body, later answers must
 * equal them. Otherwise only the class of the status must match. Fails when a path gets no answer or a status of 500
 * or above, or when `identify` finds no version. `earlier`: the calibration of another release. With it, a path is
 * compared byte for byte only if both releases answer the same.
 */
export async function calibrate(options: LoadOptions, earlier?: Calibration): Promise<Result<Calibration>> {
  const found = new Map<string, Calibrated>()
  for (const plan of plannedRequests(options)) {
    const key = `${plan.method} ${plan.path}`
    if (found.has(key)) continue
    const samples = await Promise.all(
      Array.from({ length: asks }, (_, i) => askOnce(options, plan, `calibrate-${i}`)),
    )
    const calibrated = judge(options, plan, samples)
    if (!calibrated.ok) return calibrated
    found.set(key, heldAgainst(earlier?.find(plan.method, plan.path) ?? null, calibrated.value, options))
  }
  return ok({
    find: (method, path) => found.get(`${method} ${path}`) ?? null,
    paths: () => [...found.values()].map(describe),
  })
}

interface Sample {
  id: string
  answer: KeptAnswer
  /** Why there is no complete answer. Null if there is one. */
  problem: string | null
}

/** An answer whose bytes are kept. */
class KeptAnswer extends Answer {
  readonly pieces: Buffer[] = []

  override read(piece: Buffer): void {
    super.read(piece)
    if (this.bytes <= maxBody) this.pieces.push(Buffer.from(piece))
  }
}

function askOnce(options: LoadOptions, plan: RequestPlan, id: string): Promise<Sample> {
  const { target, timeoutMs = defaultTimeoutMs } = options
  const answer = new KeptAnswer({ type: 'class', statusClass: null }, options.identify ?? null)
  const template = requestTemplate(options, { ...plan, close: true })
  return new Promise((resolve) => {
    const settle = (_exchange: Exchange | null, problem: string | null) => {
      clearInterval(sweep)
      resolve({ id, answer, problem })
    }
    const connection = new Connection(
      { target, timeoutMs },
      {
        answered: settle,
        failed: (exchange, _outcome, detail) => settle(exchange, detail),
        idle: () => connection.close(),
        ended: () => clearInterval(sweep),
      },
    )
    const sweep = setInterval(() => connection.expire(performance.now()), timeoutMs / 10)
    connection.expect(id, template.plan, answer)
    connection.write(template.encode(id))
    if (plan.body) connection.write(plan.body)
  })
}

function judge(options: LoadOptions, plan: RequestPlan, samples: Sample[]): Result<Calibrated> {
  const where = `"${plan.method} ${plan.path}" of ${describeTarget(options.target)}`
  const problem = samples.find((sample) => sample.problem !== null)?.problem
  if (problem != null) return failed('Usage', `${where} fails even without an upgrade: ${problem}`)
  if (
    options.identify &&
    plan.path === (options.path ?? '/') &&
    samples.some(({ answer }) => answer.version === null)
  ) {
    return failed('Usage', `the answer to ${where} has no version, wanted one where "identify" looks`)
  }
  const echoesId = samples.every(({ id, answer }) => answer.head?.headers.get('x-request-id') === id)
  return ok({ method: plan.method, path: plan.path, expected: expectedOf(options, samples), echoesId })
}

function expectedOf(options: LoadOptions, samples: Sample[]): Expected {
  const statuses = samples.map(({ answer }) => answer.head?.status ?? 0)
  const [status = 0] = statuses
  const statusClass = Math.floor(status / 100)
  const sameClass = statuses.every((other) => Math.floor(other / 100) === statusClass)
  const varying: Expected = { type: 'class', statusClass: sameClass ? statusClass : null }
  const [first] = samples
  if (first === undefined || first.answer.bytes > maxBody) return varying
  const exact: Expected = { type: 'exact', status, body: Buffer.concat(first.answer.pieces) }
  return samples.every(({ answer }) => equals(answer, exact, options)) ? exact : varying
}

function heldAgainst(earlier: Calibrated | null, now: Calibrated, options: LoadOptions): Calibrated {
  if (earlier === null || now.expected.type === 'class') return now
  const { status, body } = now.expected
  const answer = new Answer(earlier.expected, options.identify ?? null)
  answer.begin({ status, headers: new Map(), persistent: true })
  answer.read(body)
  const alike = earlier.expected.type === 'exact' && answer.finish() === null
  return alike ? now : { ...now, expected: { type: 'class', statusClass: Math.floor(status / 100) } }
}

/** Compares a kept answer with the expected one in the same way as the load does. */
function equals(kept: KeptAnswer, expected: Expected, options: LoadOptions): boolean {
  const answer = new Answer(expected, options.identify ?? null)
  if (kept.head === null) return false
  answer.begin(kept.head)
  for (const piece of kept.pieces) answer.read(piece)
  return answer.finish() === null
}

const describe = ({ method, path, expected }: Calibrated): LoadReport['paths'][number] => ({
  method,
  path,
  compared: expected.type === 'exact' ? 'status and body' : 'status',
})
