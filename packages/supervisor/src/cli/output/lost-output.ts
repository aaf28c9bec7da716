import { appendFileSync, closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

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

/** The log of `run`: standard error, and `file` for each line that cannot be written there. */
export const foregroundLog =
  (file: string) =>
  (line: string): void => {
    process.stderr.write(`${line}\n`, (error) => {
      if (error) append(file, `${new Date().toISOString()} ${line}\n`)
    })
  }

function append(file: string, text: string): void {
  try {
    appendFileSync(file, text, { mode: 0o600 })
  } catch {
    // There is no other place to report it to.
  }
}

/** At its end Node resets the terminal, and aborts if that fails with EIO. So none of its descriptors may be one. */
function leave(terminals: number[]): void {
  for (const descriptor of terminals) {
    closeSync(descriptor)
    openSync('/dev/null', 'r+') // open(2) returns the lowest free descriptor, which is the one just closed.
  }
}
