import net from 'node:net'

/**
 * Stops accepting on `server`. Its connections stay as they are. Not `http.Server.close()`: that closes idle
 * connections, and on Node 26 those that were accepted just now, before they could send their request.
 *
 * The application's own `server.close()` succeeds after this, instead of failing with ERR_SERVER_NOT_RUNNING.
 */
export function stopAccepting(server: net.Server): void {
  let closed = false
  server.once('close', () => (closed = true))
  net.Server.prototype.close.call(server)
  server.close = (callback) => {
    if (callback !== undefined && closed) process.nextTick(callback)
    else if (callback !== undefined) server.once('close', () => callback())
    return server
  }
}
