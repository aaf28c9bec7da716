import { introduced, type Connection } from '../connections/connection.js'
import { countFor } from '../node/server-count.js'

/** Passes a received connection to its server, as if the server had accepted it. */
export function introduce(connection: Connection): void {
  const { server, socket } = connection
  introduced(connection)
  countFor(server, socket)
  server.emit('connection', socket)
}
