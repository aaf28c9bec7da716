import { appendFileSync, closeSync, openSync } from 'node:fs'
import { setTimeout as later } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { counted } from '../../model/text.js'

let continues = false

/** For a command whose exit code and work do not depend on a reader of its output, such as `upgrade`. */
export const continueWithoutReader = (): void => void (continues = true)

/**
 * What happens when standard output or error cannot be written, because the reader of the pipe has ended (EPIPE) or the
 * terminal was closed (EIO). `handover status | head -1` just ends, which is no error.
 */
export function watchOutput(): void {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor)) // False once it was closed.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (!continues) process.exit(process.exitCode || (code === 'EPIPE' ? 0 : 1))
      if (code === 'EIO') leave(terminals.splice(0))
    })
}

/** Bytes that wait for a reader who has stopped reading. */
const maxWaiting = 1024 * 1024

/**
 * Writes lines to a stream. While more than a mebibyte waits for its reader, lines are dropped, and the next one that is
 * written says how many. `onLost` gets each line that does not reach the reader.
 */
export function boundedWriter(
  stream: NodeJS.WriteStream,
  onLost: (line: string) => void = () => {},
): (line: string) => void {
  let lost = 0
  return (line) => {
    if (stream.writableLength > maxWaiting) {
      lost += 1
      return onLost(line)
    }
    if (lost > 0)
      stream.write(`${counted(lost, 'line')} could not be written here: the reader was too slow\n`)
    lost = 0
    stream.write(`${line}\n`, (error) => {
      if (error) onLost(line)
    })
  }
}

/** The log of `run`: standard error, and `file` for each line that cannot be written there. */
export const foregroundLog = (file: string): ((line: string) => void) =>
  boundedWriter(process.stderr, (line) => append(file, `${new Date().toISOString()} ${line}\n`))

/** Ends the process, after a second at the latest if a reader does not take what was written. */
export async function endAfterOutput(): Promise<never> {
  const streams = [process.stdout, process.stderr].filter(({ writableLength }) => writableLength > 0)
  const drained = streams.map((stream) => new Promise((resolve) => stream.once('drain', resolve)))
  await Promise.race([Promise.all(drained), later(lastWordsMs)])
  process.exit()
}

const lastWordsMs = 1000

function append(file: string, text: string): void {
  try {
    appendFileSync(file, text, { mode: 0o600 })
  } catch {
    // There is no other place to report it to.
  }
}

/** A terminal whose output is stopped (Ctrl-S) must not stop the supervisor: Node's writes to it wait, by default. */
export function doNotWaitForTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const handle = (stream as { _handle?: { setBlocking?: (blocking: boolean) => void } })._handle
    if (stream.isTTY) handle?.setBlocking?.(false)
  }
}

/** At its end Node resets the terminal, and aborts if that fails with EIO. So none of its descriptors may be one. */
function leave(terminals: number[]): void {
  for (const descriptor of terminals) {
    closeSync(descriptor)
    openSync('/dev/null', 'r+') // open(2) returns the lowest free descriptor, which is the one just closed.
  }
}
