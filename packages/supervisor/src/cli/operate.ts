import { setTimeout as later } from 'node:timers/promises'
import type { Failure, Receipt } from '../model/index.js'
import { describeEvent } from '../model/index.js'
import type { Operation, StreamLine } from '../control/api.js'
import { exitCodes } from '../control/api.js'
import type { ControlClient } from '../control/client.js'
import { continueWithoutReader } from './output/lost-output.js'
import { pictureLines } from './output/picture.js'
import { redraw } from './output/redraw.js'
import { receiptLines } from './output/receipt.js'
import { painter, print, printJson, say } from './output/talk.js'
import { valueOf } from './exit.js'

export interface OperateOptions {
  json?: boolean
  /** Seconds after which the command stops waiting (exit 4); the rollout continues. Default: no limit. */
  timeout?: number
  /** Shows only failures. */
  quiet?: boolean
}

interface Ended {
  exitCode: number
  receipts: Receipt[]
}

/**
 * Runs an operation and waits for its end. Shows a live picture on a terminal, a line per event elsewhere, then
 * the receipts. Returns the exit code.
 */
export async function operateAndShow(
  client: ControlClient,
  operation: Operation,
  options: OperateOptions,
): Promise<number> {
  continueWithoutReader()
  const { exitCode, receipts } = await operate(client, operation, options)
  if (options.json) printReceipts(receipts)
  else if (!options.quiet)
    for (const receipt of receipts)
      for (const line of receiptLines(receipt, painter(process.stdout))) print(line)
  return exitCode
}

/** Prints one receipt as an object, several as an array. */
function printReceipts(receipts: Receipt[]): void {
  if (receipts.length > 0) printJson(receipts.length === 1 ? receipts[0] : receipts)
}

async function operate(
  client: ControlClient,
  operation: Operation,
  { json, quiet, timeout }: OperateOptions,
): Promise<Ended> {
  const expired = timeout === undefined ? null : AbortSignal.timeout(timeout * 1000)
  const lines = valueOf(await client.operate(operation, expired ?? undefined))
  const silent = json || quiet
  const live = !silent && process.stderr.isTTY
  const picture = live ? startPicture(client, operation) : null
  const receipts: Receipt[] = []
  const warnings: string[] = []
  try {
    for await (const line of lines) {
      if (line.type === 'receipt') receipts.push(line.receipt)
      if (line.type === 'warning') warnings.push(line.text)
      if (line.type === 'done') return { exitCode: finish(line, receipts), receipts }
      const text = lineText(line)
      if (!live && !silent && text !== null) say(text)
    }
  } finally {
    await picture?.end()
    for (const warning of warnings) say(`warning: ${warning}`)
  }
  if (expired?.aborted) {
    say(`stopped waiting after ${timeout} s; the operation continues: "handover status" shows it`)
    return { exitCode: exitCodes.timedOut, receipts }
  }
  say('the supervisor ended during the operation')
  return { exitCode: exitCodes.failed, receipts }
}

function finish(done: Extract<StreamLine, { type: 'done' }>, receipts: Receipt[]): number {
  const reported = new Set(receipts.map(({ failure }) => failure?.message))
  for (const failure of done.failures) {
    if (!reported.has(failure.message)) say(failure.message)
    sayOutput(failure)
  }
  return done.exitCode
}

/** Prints the last output of the instance that failed, if there is any. */
export function sayOutput({ output }: Failure): void {
  if (!output?.length) return
  say('its last lines:')
  for (const line of output) say(`  | ${line}`)
}

function lineText(line: StreamLine): string | null {
  if (line.type === 'note') return line.text
  return line.type === 'event' ? describeEvent(line.event) : null
}

/** Draws the services at every change of their status, until `end()`. */
function startPicture(client: ControlClient, operation: Operation): { end(): Promise<void> } {
  const stop = new AbortController()
  const services = 'services' in operation ? (operation.services ?? []) : []
  const paint = painter(process.stderr)
  const screen = redraw(process.stderr)
  let lines: string[] = []

  const watching = (async () => {
    const updates = await client.watch(stop.signal)
    if (!updates.ok) return
    for await (const line of updates.value) {
      if (line.type !== 'status' || stop.signal.aborted) continue
      lines = pictureLines(line.status, services, paint, Date.now())
      screen.draw(lines)
    }
  })()

  return {
    async end() {
      // The last status may still be on its way: it makes the picture show the end.
      await Promise.race([later(120), watching])
      stop.abort()
      await watching
      screen.end(true)
    },
  }
}
