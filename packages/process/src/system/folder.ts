import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * Creates a folder for sockets with mode 0700 (mkdtemp(3)): a process that can connect to them gets the clients'
 * connections.
 */
export const makeFolder = (): Promise<string> => fs.promises.mkdtemp(path.join(os.tmpdir(), 'handover-'))

/** Never throws. */
export function removeFolder(folder: string): void {
  try {
    fs.rmSync(folder, { recursive: true, force: true })
  } catch {
    // It is a temporary file: the system removes it later.
  }
}
