import fs from 'node:fs'
import { HandoverError, messageOf } from '../protocol/errors.js'

/** Names the process that serves, for whoever sends it signals. It has one whole line at any moment. */
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

  /** The same for a service that serves already: it goes on. */
  rewrite(): void {
    try {
      this.write()
    } catch (error) {
      this.#failed(messageOf(error))
    }
  }

  /** Unless it names somebody else by now. */
  remove(): void {
    try {
      if (fs.readFileSync(this.#path, 'utf8').trim() === String(process.pid)) fs.rmSync(this.#path)
    } catch {
      // Nobody needs it any more.
    }
  }
}
