import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { addresses } from '../network.js'
import { dieWithParent, programOf, run } from '../programs.js'

/** The network of one pod: an address that is its own, all ports of it, and its own loopback. */
export interface Sandbox {
  ip: string
  /** The command that runs another one inside. */
  enter: string[]
  close(): Promise<void>
}

let opened = 0

/** Uses each address once: a client of a pod that has ended must not reach another pod. */
export async function openSandbox(hostname: string): Promise<Sandbox> {
  const number = ++opened
  const ip = `${addresses.podPrefix}.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`
  // Keeps the namespaces while containers come and go, as the pause container does.
  const pause = ['unshare', '--net', '--uts', '--ipc', '/bin/sh', '-ec', hold, 'sh', hostname]
  const child = spawn('setpriv', [...dieWithParent, ...pause], { stdio: ['ignore', 'pipe', 'inherit'] })
  const holder = programOf(child)
  await Promise.race([once(child.stdout, 'data'), holder.ended])
  await run('/bin/sh', ['-ec', connect, 'sh', `pod${number}`, String(holder.pid), ip, addresses.host])
  const of = (kind: string) => `--${kind}=/proc/${holder.pid}/ns/${kind}`
  return {
    ip,
    enter: ['nsenter', of('net'), of('uts'), of('ipc'), '--'],
    close: () => holder.stop(),
  }
}

const hold = 'hostname "$1"; ip link set lo up; echo ready; exec sleep infinity >/dev/null'

// The pair goes with the pod's namespace.
const connect = `
ip link add "$1" type veth peer name eth0 netns "$2"
ip link set "$1" master pods up
nsenter --net="/proc/$2/ns/net" sh -ec 'ip address add "$0/16" dev eth0; ip link set eth0 up; ip route add default via "$1"' "$3" "$4"`
