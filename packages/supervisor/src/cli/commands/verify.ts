import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { exitCodes } from '../../control/api.js'
import type { ControlClient } from '../../control/client.js'
import type { ListenerSpec, Receipt, ServiceStatus, Status } from '../../model/index.js'
import type { Range, Target, UpgradeResult, Workloads } from '../../verify/index.js'
import type { CommonOptions } from '../context.js'
import { connect, withCommonOptions } from '../context.js'
import { CommandExit, valueOf } from '../exit.js'
import { receiptLines } from '../output/receipt.js'
import { continueWithoutReader } from '../output/lost-output.js'
import { painter, print, printJson } from '../output/talk.js'
import { startVerifyPicture } from '../output/verify-picture.js'
import { positiveInteger, seconds } from './rollouts.js'

interface VerifyCommandOptions extends CommonOptions {
  upgrades: number
  listener?: string
  path: string
  identify?: string
  rate: number
  keepAlive: number
  idle: number
  slow: number
  slowPath?: string
  uploads: number
  uploadPath?: string
  streamPath?: string
  pipelining: number
  pause: Range
  coolDown: number
}

/** `verify`: upgrades the running service under real load on raw sockets. */
export function addVerifyCommand(program: Command): void {
  withCommonOptions(
    program.command('verify').argument('[service]', 'name of the service (default: the only one)'),
  )
    .description('upgrade under real load; exits with 1 if a single request fails')
    .option('--upgrades <number>', 'number of upgrades', positiveInteger, 10)
    .option('--listener <name>', 'listener to load (default: the first)')
    .option('--path <path>', 'path to request', '/')
    .option('--identify <how>', "where a response names its version: 'header:NAME' or 'body:REGEX'")
    .option('--rate <number>', 'new connections per second', natural, 100)
    .option('--keep-alive <number>', 'connections with a request every 0 to 50 ms', natural, 50)
    .option('--idle <number>', 'connections with a request every 0.2 to 3 s', natural, 100)
    .option('--slow <number>', 'requests in flight that take up to 3 s', natural, 10)
    .option('--slow-path <path>', "path that accepts '?ms=' (default: the client is slow instead)")
    .option('--uploads <number>', 'uploads in flight, written in pieces', natural, 2)
    .option('--upload-path <path>', 'path that accepts a POST of 64 KiB (default: no uploads)')
    .option('--stream-path <path>', 'path with a long response, compared byte for byte (default: none)')
    .option('--pipelining <number>', 'connections with four requests in each write', natural, 4)
    .option('--pause <min-max>', 'seconds between upgrades', range, [0.2, 1] as Range)
    .option('--cool-down <seconds>', 'seconds of load after the last upgrade', seconds, 3)
    .action(verify)
}

async function verify(service: string | undefined, options: VerifyCommandOptions): Promise<void> {
  continueWithoutReader()
  const { formatVerify, parseIdentify, runVerify } = await import('../../verify/index.js')
  const client = await connect(options)
  const chosen = choose(valueOf(await client.status()), service)
  const target = targetOf(chosen, options.listener)
  const receipts: Receipt[] = []
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  const picture = options.json ? null : startVerifyPicture(client, chosen.name, options.upgrades)
  const result = await runVerify({
    load: {
      target,
      path: options.path,
      workloads: workloads(options),
      ...(options.identify !== undefined && { identify: valueOf(parseIdentify(options.identify)) }),
      // For a unix socket the kernel does not show which process accepted.
      ...('port' in target && { identifyByProcess: { processes: () => processes(client, chosen.name) } }),
    },
    upgrades: options.upgrades,
    rehearse: true,
    pauseSeconds: options.pause,
    coolDownSeconds: options.coolDown,
    upgrade: () => upgrade(client, chosen.name, receipts),
    signal: abort.signal,
    onProgress: (progress) => picture?.progress(progress),
  })
  await picture?.end()
  const report = valueOf(result)
  if (options.json) printJson({ ...report, receipts })
  else for (const line of [...lastReceipt(receipts), '', ...formatVerify(report)]) print(line)
  process.exitCode = report.passed ? exitCodes.done : exitCodes.failed
}

function lastReceipt(receipts: Receipt[]): string[] {
  const last = receipts.at(-1)
  return last ? receiptLines(last, painter(process.stdout)) : []
}

async function upgrade(client: ControlClient, service: string, receipts: Receipt[]): Promise<UpgradeResult> {
  const startedAt = performance.now()
  const lines = valueOf(await client.operate({ type: 'upgrade', services: [service] }))
  for await (const line of lines) {
    if (line.type === 'receipt') receipts.push(line.receipt)
    if (line.type !== 'done') continue
    const ms = performance.now() - startedAt
    const [failure] = line.failures
    return failure
      ? { ok: false, ms, message: failure.message }
      : { ok: line.exitCode === exitCodes.done, ms }
  }
  return { ok: false, ms: performance.now() - startedAt, message: 'the supervisor ended during the upgrade' }
}

async function processes(client: ControlClient, service: string) {
  const { instances } = choose(valueOf(await client.status()), service)
  return instances.flatMap(({ pid, revision }) => (pid === null ? [] : [{ pid, revision: String(revision) }]))
}

function choose({ services }: Status, wanted: string | undefined): ServiceStatus {
  const names = services.map(({ name }) => `"${name}"`).join(', ')
  const [only] = wanted === undefined ? services : services.filter(({ name }) => name === wanted)
  if (only && (wanted !== undefined || services.length === 1)) return only
  throw new CommandExit(
    exitCodes.usage,
    wanted === undefined
      ? `the service is missing, wanted one of ${names || 'none'}`
      : `the service is "${wanted}", wanted one of ${names || 'none'}`,
  )
}

function targetOf({ name, listeners }: ServiceStatus, wanted: string | undefined): Target {
  const streams = listeners.filter(({ spec }) => spec.type !== 'udp')
  const listener = wanted === undefined ? streams[0] : streams.find((candidate) => candidate.name === wanted)
  if (listener) return addressOf(listener.spec)
  const names = streams.map((candidate) => `"${candidate.name}"`).join(', ') || 'none'
  throw new CommandExit(
    exitCodes.usage,
    wanted === undefined
      ? `service "${name}" has no TCP or unix listener, wanted one to load`
      : `--listener is "${wanted}", wanted one of ${names}`,
  )
}

function addressOf(spec: ListenerSpec): Target {
  if (spec.type === 'unix') return { path: spec.path }
  const anywhere = spec.host === '::' || spec.host === '0.0.0.0'
  return { host: anywhere ? '127.0.0.1' : spec.host, port: spec.port }
}

function workloads(options: VerifyCommandOptions): Workloads {
  return {
    ...(options.rate > 0 && { newConnections: { perSecond: options.rate } }),
    keepAlive: [
      { connections: options.keepAlive, thinkMs: [0, 50] as const },
      { connections: options.idle, thinkMs: [200, 3000] as const },
    ].filter(({ connections }) => connections > 0),
    ...(options.slow > 0 && {
      slow: { concurrency: options.slow, path: options.slowPath, ms: [500, 3000] as const },
    }),
    ...(options.uploadPath !== undefined &&
      options.uploads > 0 && {
        uploads: { concurrency: options.uploads, bytes: 64 * 1024, path: options.uploadPath },
      }),
    ...(options.streamPath !== undefined && { streams: { concurrency: 2, path: options.streamPath } }),
    ...(options.pipelining > 0 && { pipelining: { connections: options.pipelining, depth: 4 } }),
  }
}

function natural(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('wanted a whole number from 0 to 99999')
  return Number(text)
}

function range(text: string): Range {
  const [, min, max] = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text) ?? []
  if (min === undefined || max === undefined || Number(min) > Number(max))
    throw new InvalidArgumentError('wanted two numbers of seconds such as 0.2-1')
  return [Number(min), Number(max)]
}
