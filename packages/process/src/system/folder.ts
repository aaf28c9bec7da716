import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Readable by nobody else: whoever reaches the sockets in it gets the clients' connections. */
export const makeFolder = (): Promise<string> => fs.promises.mkdtemp(path.join(os.tmpdir(), 'handover-'))

export function removeFolder(folder: string): void {
  try {
    fs.rmSync(folder, { recursive: true, force: true })
  } catch {
    // It is in the folder for temporary files.
  }
}
