import fs from 'node:fs'
import { HandoverError, messageOf } from '../protocol/errors.js'

/** A file with the pid of the process that serves. It is replaced by rename(2), so readers always see a whole line. */
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

  /** For a process that already serves: a failure is only a warning. */
  rewrite(): void {
    try {
      this.write()
    } catch (error) {
      this.#failed(messageOf(error))
    }
  }

  /** Removes the file, unless it names another process by now. */
  remove(): void {
    try {
      if (fs.readFileSync(this.#path, 'utf8').trim() === String(process.pid)) fs.rmSync(this.#path)
    } catch {
      // It has already been removed.
    }
  }
}
