/** What an instance says in one datagram of sd_notify(3), as far as a supervisor acts on it. */
export interface NotifyMessage {
  ready: boolean
  stopping: boolean
  /** Also asked for by systemd's RELOADING=1: the instance will say READY=1 again. */
  reloading: boolean
  /** A sign of life. */
  watchdog: boolean
  /** WATCHDOG=trigger: it finds itself unhealthy. */
  trigger: boolean
  /** The time within which the next sign of life is due, from now on; 0: none is. */
  watchdogMicroseconds?: number
  barrier: boolean
  status?: string
  mainPid?: number
  errno?: number
  /** Microseconds from now by which it wants to be left alone. */
  extendTimeoutMicroseconds?: number
  /** Lines that are no assignment or whose value is not of its kind. Unknown names are not among them. */
  garbage: string[]
}

const longestStatus = 4096

/** Reads `NAME=value` lines. Names that we do not know are for others (X_… and later systemd's) and are skipped. */
export function parseNotify(data: Buffer): NotifyMessage {
  const message: NotifyMessage = {
    ready: false,
    stopping: false,
    reloading: false,
    watchdog: false,
    trigger: false,
    barrier: false,
    garbage: [],
  }
  const text = decodeUtf8(data)
  if (text === null) return { ...message, garbage: ['bytes that are not UTF-8'] }
  for (const line of text.split('\n')) {
    if (line !== '' && !readLine(message, line)) message.garbage.push(line)
  }
  return message
}

function readLine(message: NotifyMessage, line: string): boolean {
  const equals = line.indexOf('=')
  if (equals <= 0) return false
  const value = line.slice(equals + 1)
  switch (line.slice(0, equals)) {
    case 'READY':
      return (message.ready = value === '1')
    case 'STOPPING':
      return (message.stopping = value === '1')
    case 'RELOADING':
      return (message.reloading = value === '1')
    case 'BARRIER':
      return (message.barrier = value === '1')
    case 'WATCHDOG':
      message.watchdog = value === '1'
      message.trigger = value === 'trigger'
      return message.watchdog || message.trigger
    case 'WATCHDOG_USEC':
      message.watchdogMicroseconds = wholeNumber(value)
      return message.watchdogMicroseconds !== undefined
    case 'STATUS':
      message.status = value.slice(0, longestStatus)
      return true
    case 'MAINPID':
      message.mainPid = wholeNumber(value)
      return message.mainPid !== undefined
    case 'ERRNO':
      message.errno = wholeNumber(value)
      return message.errno !== undefined
    case 'EXTEND_TIMEOUT_USEC':
      message.extendTimeoutMicroseconds = wholeNumber(value)
      return message.extendTimeoutMicroseconds !== undefined
    default:
      return true
  }
}

const wholeNumber = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined)

function decodeUtf8(data: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data)
  } catch {
    return null
  }
}
