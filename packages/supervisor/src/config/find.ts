import { existsSync } from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'
import { physicalFolder, workingFolder } from '#shared/working-folder.js'

/** Extensions of configurations that are programs, and of those that are only parsed. */
export const programs = ['.ts', '.mts', '.mjs', '.js', '.cjs']
export const documents = ['.json', '.yaml', '.yml']
const candidates = [...programs, ...documents].map((extension) => `handover.config${extension}`)

/** The folder in which the command was typed, with its symbolic links: `…/current`, not `…/releases/7`. */
export const folderOfCommand = (): string => workingFolder(process.env['PWD'])

/** Whether the folder in which the command was typed still exists. */
export const isFolderGone = (): boolean => physicalFolder() === null

/** Absolute path of the folder's `handover.config.*`. Null if it has none. */
export function findConfig(folder: string): string | null {
  const found = candidates.find((candidate) => existsSync(join(folder, candidate)))
  return found === undefined ? null : resolve(folder, found)
}

/** Whether an argument of `run` or `start` is a configuration rather than a script to run. */
export const isConfigFile = (path: string): boolean =>
  documents.includes(extname(path)) || /(^|[-.])handover\.config\.[cm]?[jt]s$/.test(basename(path))
