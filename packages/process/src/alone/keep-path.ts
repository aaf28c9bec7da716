import fs from 'node:fs'
import type net from 'node:net'

/**
 * Node deletes the file of a unix socket that it has bound when it closes it (libuv, `uv__pipe_close`), though another
 * process listens there as well. A second name of it is put in its place right behind `close`, in the same turn: for
 * some 20 microseconds there is no file, and who connects then gets ENOENT.
 */
export function keepPath(server: net.Server, close: () => void): void {
  const path = server.address()
  if (typeof path !== 'string' || path.startsWith('\0')) return close()
  const aside = `${path}.${process.pid}`
  try {
    fs.rmSync(aside, { force: true })
    fs.linkSync(path, aside)
  } catch {
    return close() // the file is gone already
  }
  close()
  if (fs.existsSync(path)) fs.rmSync(aside)
  else fs.renameSync(aside, path)
}
