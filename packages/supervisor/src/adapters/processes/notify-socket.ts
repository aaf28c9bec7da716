import { closeSync, rmSync } from 'node:fs'
import { watchReadable } from '../linux/poll.js'
import { AF_UNIX, SOCK_DGRAM } from '#shared/socket-constants.js'
import { bind, recvmsg, socket } from '../linux/posix.js'
import { unixAddress } from '#shared/socket-address.js'
import { inodeAt } from '#shared/socket-file.js'
import type { NotifyMessage } from './notify-message.js'
import { parseNotify } from './notify-message.js'

/** systemd accepts 4,096 bytes; sd_notify(3) names no limit. */
const maxMessageBytes = 64 * 1024
/** An instance that floods its socket must not block the event loop. The rest is read in the next turn. */
const messagesPerTurn = 64

export interface NotifySocket {
  /** Binds another socket if the file of this one was removed. Returns whether it was. Throws if it cannot be bound. */
  renew(): boolean
  close(): void
}

/**
 * NOTIFY_SOCKET of one instance. The path identifies the instance, so its messages need no credentials. `onInvalid`
 * gets the first invalid message only, because further ones are likely to be the same.
 */
export function openNotifySocket(
  path: string,
  onMessage: (message: NotifyMessage) => void,
  onInvalid: (text: string) => void,
): NotifySocket {
  let fd = bound(path)
  let inode = inodeAt(path)
  let reported = false
  let open = true

  const receive = () => {
    for (let turn = 0; open && turn < messagesPerTurn; turn++) {
      const received = recvmsg(fd, maxMessageBytes)
      if (received === null) return
      // FDSTORE=1 is not supported. BARRIER=1 waits until its descriptor is closed; all earlier messages are read.
      for (const passed of received.fds) closeSync(passed)
      const message = parseNotify(received.data)
      const invalid = received.truncated ? 'a message that is too long' : message.invalid[0]
      if (invalid !== undefined && !reported) {
        reported = true
        onInvalid(invalid)
      }
      onMessage(message)
    }
  }
  let stop = watchReadable(fd, receive)
  const shut = () => {
    receive() // what was sent before
    stop()
    closeSync(fd)
  }
  return {
    renew() {
      if (!open || inodeAt(path) === inode) return false
      const renewed = bound(path)
      shut()
      fd = renewed
      inode = inodeAt(path)
      stop = watchReadable(fd, receive)
      return true
    },
    close() {
      if (!open) return
      shut()
      open = false
      rmSync(path, { force: true })
    },
  }
}

function bound(path: string): number {
  rmSync(path, { force: true })
  const fd = socket(AF_UNIX, SOCK_DGRAM)
  try {
    bind(fd, unixAddress(path))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
