import { closeSync, rmSync } from 'node:fs'
import { watchReadable } from '../linux/poll.js'
import { AF_UNIX, SOCK_DGRAM } from '#shared/socket-constants.js'
import { bind, recvmsg, socket } from '../linux/posix.js'
import { unixAddress } from '#shared/socket-address.js'
import type { NotifyMessage } from './notify-message.js'
import { parseNotify } from './notify-message.js'

/** systemd takes 4,096 bytes; sd_notify(3) gives no limit. */
const longestMessage = 64 * 1024
/** An instance that floods its socket must not keep the loop from everything else; what is left is read next. */
const messagesPerTurn = 64

export interface NotifySocket {
  close(): void
}

/**
 * NOTIFY_SOCKET of one instance: the path is the identity, so nothing that a message claims has to be believed.
 * `complain` is called at most once: an instance that talks nonsense does so all the time.
 */
export function openNotifySocket(
  path: string,
  onMessage: (message: NotifyMessage) => void,
  complain: (what: string) => void,
): NotifySocket {
  rmSync(path, { force: true })
  const fd = socket(AF_UNIX, SOCK_DGRAM)
  bind(fd, unixAddress(path))
  let complained = false
  let open = true

  const receive = () => {
    for (let turn = 0; open && turn < messagesPerTurn; turn++) {
      const received = recvmsg(fd, longestMessage)
      if (received === null) return
      // FDSTORE=1 is not offered. BARRIER=1 waits until its descriptor is closed: we have read all before it.
      for (const passed of received.fds) closeSync(passed)
      const message = parseNotify(received.data)
      const nonsense = received.truncated ? 'a message that is too long' : message.garbage[0]
      if (nonsense !== undefined && !complained) {
        complained = true
        complain(nonsense)
      }
      onMessage(message)
    }
  }
  const stop = watchReadable(fd, receive)
  return {
    close() {
      if (!open) return
      receive() // what it said last before it ended
      open = false
      stop()
      closeSync(fd)
      rmSync(path, { force: true })
    },
  }
}
