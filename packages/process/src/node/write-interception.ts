import type { Writable } from 'node:stream'

/** What to do with a write. `drop`: do not write it, but call its callback as if it had been written. */
export type Verdict = 'pass' | 'hold' | 'drop'

export interface WriteObserver {
  /** Called before the write. */
  judge(bytes: Buffer): Verdict
  /** Called after the write was passed to the stream. */
  passed(): void
}

type Call = { method: 'write' | 'end'; args: unknown[] }
type Method = (...args: unknown[]) => unknown

/** Lets `observer` decide on every write of the application to `stream`. While one is held, all later ones are. */
export class Interception {
  readonly #stream: Writable
  readonly #observer: WriteObserver
  readonly #original: Record<Call['method'], Method>
  readonly #held: Call[] = []

  constructor(stream: Writable, observer: WriteObserver) {
    this.#stream = stream
    this.#observer = observer
    this.#original = {
      write: Reflect.get(stream, 'write') as Method,
      end: Reflect.get(stream, 'end') as Method,
    }
    for (const method of ['write', 'end'] as const)
      Reflect.set(stream, method, (...args: unknown[]) => this.#called({ method, args }))
  }

  /** Writes without calling the observer. */
  write(bytes: Buffer): void {
    this.#original.write.call(this.#stream, bytes)
  }

  /** Ends the stream without calling the observer. */
  end(): void {
    this.#original.end.call(this.#stream)
  }

  holds(): boolean {
    return this.#held.length > 0
  }

  /** Writes the held data, after calling the observer again. */
  flush(): void {
    for (const call of this.#held.splice(0)) this.#called(call)
  }

  /** Discards the held data. Each callback gets the error. */
  fail(error: Error): void {
    for (const { args } of this.#held.splice(0)) callLater(args, error)
  }

  restore(): void {
    Reflect.deleteProperty(this.#stream, 'write')
    Reflect.deleteProperty(this.#stream, 'end')
  }

  #called(call: Call): unknown {
    const { method, args } = call
    const bytes = asBytes(args[0], args[1])
    const verdict = this.holds() ? 'hold' : this.#observer.judge(bytes ?? nothing)
    if (verdict === 'hold') return this.#hold(call)
    if (verdict === 'drop') return this.#drop(call)
    const result = this.#original[method].apply(this.#stream, args)
    if (bytes !== null) this.#observer.passed()
    return result
  }

  #hold(call: Call): unknown {
    this.#held.push(call)
    return call.method === 'end' ? this.#stream : true
  }

  #drop({ method, args }: Call): unknown {
    if (method === 'write') return callLater(args, null)
    const callback = callbackOf(args)
    return this.#original.end.apply(this.#stream, callback === undefined ? [] : [callback])
  }
}

/** Calls the callback among the arguments of a write. Returns true, like `write` when more can be written. */
function callLater(args: unknown[], error: Error | null): true {
  const callback = callbackOf(args)
  if (callback !== undefined) process.nextTick(callback, error)
  return true
}

const nothing = Buffer.alloc(0)

/** The arguments of stream.write are (chunk[, encoding][, callback]). Null if there is no chunk. */
function asBytes(chunk: unknown, encoding: unknown): Buffer | null {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding))
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return null
}

const encodingOf = (encoding: unknown): BufferEncoding =>
  typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'

function callbackOf(args: unknown[]): ((error: Error | null) => void) | undefined {
  const found = args.find((argument) => typeof argument === 'function')
  return found as ((error: Error | null) => void) | undefined
}
