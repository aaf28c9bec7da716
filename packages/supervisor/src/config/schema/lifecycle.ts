import { z } from 'zod'
import { fields } from './common.js'

/** The signals of signal(7) that a program can handle, with the names of the real-time signals that Kubernetes has. */
const stopSignals = [
  ...`SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM
SIGSTKFLT SIGCHLD SIGCONT SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR
SIGSYS SIGRTMIN`.split(/\s+/),
  ...Array.from({ length: 15 }, (_, index) => `SIGRTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `SIGRTMAX-${14 - index}`),
  'SIGRTMAX',
]

const wanted = "the name of a signal that can be handled, such as 'SIGQUIT'"

/** Kubernetes' `lifecycle` of a container: its hooks belong to the section `kubernetes`. */
export const lifecycle = fields({
  stopSignal: z
    .enum(stopSignals, { error: wanted })
    .optional()
    .meta({ description: "Signal that stops an instance, such as SIGQUIT for nginx. Default 'SIGTERM'" }),
})
