import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { isFolderGone } from '../find.js'
import { shownPath } from '../show.js'
import type { EvaluationMessage } from './import-config.js'

/** A configuration that takes longer than this is assumed to hang. */
const deadlineSeconds = 10

/** Characters of a configuration's output that are kept: enough to recognise it. */
const keptOutput = 2000

export interface Evaluation {
  input: unknown
  notes: string[]
}

/**
 * Evaluates a configuration that is a program, in a process of its own: it starts with an empty module cache, and
 * a crash, a hang or `process.exit()` does not affect the supervisor.
 */
export function evaluateConfig(file: string, cwd: string): Promise<Result<Evaluation>> {
  const shown = shownPath(file, cwd)
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [file], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
      ...(isFolderGone() && { cwd: '/' }), // Node does not start a program in a deleted folder.
    })
    const printed = collect(child)
    let answer: Result<Evaluation> | null = null

    const deadline = setTimeout(() => {
      answer = failed('Usage', `${shown} did not end within ${deadlineSeconds} s, wanted a configuration`)
      child.kill('SIGKILL')
    }, deadlineSeconds * 1000)
    child.on('message', (message) => {
      answer ??= answerOf(message as EvaluationMessage, shown, cwd)
      child.kill('SIGKILL')
    })
    child.on('error', (error) => {
      answer = failed('Usage', `${shown} could not be evaluated: ${error.message}`)
    })
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      resolve(withOutput(answer ?? endedEarly(shown, code, signal), shown, printed))
    })
  })
}

interface Printed {
  out: string
  err: string
}

function collect(child: ChildProcess): Printed {
  const printed: Printed = { out: '', err: '' }
  const keep = (stream: keyof Printed) => (chunk: string) => {
    printed[stream] = (printed[stream] + chunk).slice(0, keptOutput)
  }
  child.stdout?.setEncoding('utf8').on('data', keep('out'))
  child.stderr?.setEncoding('utf8').on('data', keep('err'))
  return printed
}

function answerOf(message: EvaluationMessage, shown: string, cwd: string): Result<Evaluation> {
  switch (message.type) {
    case 'config':
      return ok({ input: message.input, notes: [] })
    case 'failed':
      return failed(
        'Usage',
        `${message.place === null ? shown : shownPath(message.place, cwd)}: ${message.reason}`,
      )
  }
}

/** Node exits with 13 when a top-level await can never settle (Node's list of process exit codes). */
function endedEarly(shown: string, code: number | null, signal: string | null): Result<Evaluation> {
  if (code === 13) return failed('Usage', `${shown} has a top-level await that never settles`)
  const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`
  return failed('Usage', `${shown} ${how}, wanted it to export a configuration`)
}

function withOutput(answer: Result<Evaluation>, shown: string, { out, err }: Printed): Result<Evaluation> {
  const printed = out.trim()
  if (answer.ok) {
    const notes = printed === '' ? [] : [`${shown} printed ${JSON.stringify(printed)}`]
    return ok({ ...answer.value, notes })
  }
  const output = `${out}${err}`.split('\n').filter((line) => line.trim() !== '')
  return output.length === 0 ? answer : failed(answer.failure.code, answer.failure.message, output)
}
