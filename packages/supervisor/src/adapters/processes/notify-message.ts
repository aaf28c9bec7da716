/** The part of one sd_notify(3) datagram that the supervisor handles. */
export interface NotifyMessage {
  ready: boolean
  stopping: boolean
  /** WATCHDOG=1. */
  watchdog: boolean
  /** WATCHDOG=trigger: the instance reports that it is unhealthy. */
  trigger: boolean
  /** From now on, the next WATCHDOG=1 is due within this time. 0 turns the watchdog off. */
  watchdogMicroseconds?: number
  status?: string
  /** Lines that are not assignments, or whose value is invalid. Unknown names are not included. */
  invalid: string[]
}

const maxStatusLength = 4096

/**
 * Reads `NAME=value` lines. Other names are skipped: MAINPID= (an instance is the process that was started, and its
 * group), EXTEND_TIMEOUT_USEC= (the grace period is the operator's), RELOADING=, ERRNO=, BARRIER= (what matters is its
 * descriptor, see `openNotifySocket`), X_…, and those of a later systemd.
 */
export function parseNotify(data: Buffer): NotifyMessage {
  const message: NotifyMessage = {
    ready: false,
    stopping: false,
    watchdog: false,
    trigger: false,
    invalid: [],
  }
  const text = decodeUtf8(data)
  if (text === null) return { ...message, invalid: ['bytes that are not UTF-8'] }
  for (const line of text.split('\n')) {
    if (line !== '' && !readLine(message, line)) message.invalid.push(line)
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
    case 'WATCHDOG':
      message.watchdog = value === '1'
      message.trigger = value === 'trigger'
      return message.watchdog || message.trigger
    case 'WATCHDOG_USEC':
      message.watchdogMicroseconds = wholeNumber(value)
      return message.watchdogMicroseconds !== undefined
    case 'STATUS':
      message.status = value.slice(0, maxStatusLength)
      return true
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
