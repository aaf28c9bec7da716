import { closeSync, rmSync } from 'node:fs'
import { watchReadable } from '../linux/poll.js'
import { AF_UNIX, SOCK_DGRAM } from '#shared/socket-constants.js'
import { bind, recvmsg, socket } from '../linux/posix.js'
import { unixAddress } from '#shared/socket-address.js'
import type { NotifyMessage } from './notify-message.js'
import { parseNotify } from './notify-message.js'

/** systemd accepts 4,096 bytes; sd_notify(3) names no limit. */
const maxMessageBytes = 64 * 1024
/** An instance that floods its socket must not block the event loop. The rest is read in the next turn. */
const messagesPerTurn = 64

export interface NotifySocket {
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
  rmSync(path, { force: true })
  const fd = socket(AF_UNIX, SOCK_DGRAM)
  bind(fd, unixAddress(path))
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
  const stop = watchReadable(fd, receive)
  return {
    close() {
      if (!open) return
      receive() // the last messages before its exit
      open = false
      stop()
      closeSync(fd)
      rmSync(path, { force: true })
    },
  }
}
