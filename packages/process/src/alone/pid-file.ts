import fs from 'node:fs'
import { HandoverError, messageOf } from '../protocol/errors.js'

/** Names the process that serves, for programs that signal it. It is replaced by rename(2), so a reader finds a whole line. */
export class PidFile {
  readonly #path: string
  readonly #failed: (message: string) => void

  constructor(path: string, failed: (message: string) => void) {
    this.#path = path
    this.#failed = failed
  }

  /** @throws HandoverError `ERR_HANDOVER_PID_FILE` */
  write(): void {
    const temporary = `${this.#path}.${process.pid}`
    try {
      fs.writeFileSync(temporary, `${process.pid}\n`)
      fs.renameSync(temporary, this.#path)
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw new HandoverError(
        'ERR_HANDOVER_PID_FILE',
        `The pid file "${this.#path}" cannot be written: ${messageOf(error)}`,
      )
    }
  }

  /** For a process that serves already: a failure is a warning. */
  rewrite(): void {
    try {
      this.write()
    } catch (error) {
      this.#failed(messageOf(error))
    }
  }

  /** Unless it names another process by now. */
  remove(): void {
    try {
      if (fs.readFileSync(this.#path, 'utf8').trim() === String(process.pid)) fs.rmSync(this.#path)
    } catch {
      // It is gone already.
    }
  }
}
