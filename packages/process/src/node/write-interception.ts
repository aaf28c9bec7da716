import type { Writable } from 'node:stream'

/** What to do with a write. `drop`: do not write it, but call its callback as if it had been written. */
export type Verdict = 'pass' | 'hold' | 'drop'

export interface WriteObserver {
  /** Called before the write. */
  judge(bytes: Buffer): Verdict
  /** Called after the write was passed to the stream. */
  passed(): void
}

export interface Interception {
  /** Writes without calling the observer. */
  write(bytes: Buffer): void
  /** Ends the stream without calling the observer. */
  end(): void
  holds(): boolean
  /** Writes the held data, after calling the observer again. */
  flush(): void
  /** Discards the held data. Each callback gets the error. */
  fail(error: Error): void
  restore(): void
}

type Call = { method: 'write' | 'end'; args: unknown[] }
type Method = (...args: unknown[]) => unknown

/** Lets `observer` decide on every write of the application to `stream`. While one is held, all later ones are. */
export function interceptWrites(stream: Writable, observer: WriteObserver): Interception {
  const original = {
    write: Reflect.get(stream, 'write') as Method,
    end: Reflect.get(stream, 'end') as Method,
  }
  const held: Call[] = []

  const intercept =
    (method: Call['method']): Method =>
    (...args) => {
      const bytes = asBytes(args[0], args[1])
      const verdict = held.length > 0 ? 'hold' : observer.judge(bytes ?? nothing)
      if (verdict === 'hold') return keep({ method, args })
      if (verdict === 'drop') return drop({ method, args })
      const result = original[method].apply(stream, args)
      if (bytes !== null) observer.passed()
      return result
    }
  const keep = (call: Call) => {
    held.push(call)
    return call.method === 'end' ? stream : true
  }
  const drop = ({ method, args }: Call) => {
    if (method === 'write') return callLater(args, null)
    const callback = callbackOf(args)
    return original.end.apply(stream, callback === undefined ? [] : [callback])
  }

  Reflect.set(stream, 'write', intercept('write'))
  Reflect.set(stream, 'end', intercept('end'))
  return {
    write: (bytes) => void original.write.call(stream, bytes),
    end: () => void original.end.call(stream),
    holds: () => held.length > 0,
    flush: () => {
      for (const { method, args } of held.splice(0)) Reflect.apply(intercept(method), stream, args)
    },
    fail: (error) => {
      for (const { args } of held.splice(0)) callLater(args, error)
    },
    restore: () => {
      Reflect.deleteProperty(stream, 'write')
      Reflect.deleteProperty(stream, 'end')
    },
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
