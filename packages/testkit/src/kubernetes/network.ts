import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { run } from './programs.js'

const CLONE_NEWNET = 0x40000000

/** The addresses inside. Pods are beside `host` on a bridge; `services` holds the API's cluster address alone. */
export const addresses = {
  host: '10.97.0.1',
  podPrefix: '10.97',
  services: '10.96.0.0/16',
  api: '10.96.0.1',
}

let occupied = false

/**
 * Takes this process, and everything that it starts from now on, into a network namespace of its own, where nobody
 * from outside can be reached; returns the way back. The kernel drops the namespace with the last process in it.
 *
 * unshare(2) moves the calling thread. libuv opens sockets and forks on the main thread, which is what counts;
 * threads that libuv's pool already has stay outside, but they only resolve names.
 */
export async function enterNetwork(): Promise<() => void> {
  if (occupied) throw new Error('this process is in the network of another cluster: close that one first')
  const libc = koffi.load('libc.so.6')
  const unshare = libc.func('int unshare(int)')
  const setns = libc.func('int setns(int, int)')
  const outside = openSync('/proc/thread-self/ns/net', 'r')
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare failed with errno ${koffi.errno()}`)
  occupied = true
  await run('sh', [
    '-ec',
    `ip link set lo up
    ip address add ${addresses.api}/32 dev lo
    ip link add pods type bridge
    ip address add ${addresses.host}/16 dev pods
    ip link set pods up`,
  ])
  return () => {
    if (setns(outside, CLONE_NEWNET) !== 0) throw new Error(`setns failed with errno ${koffi.errno()}`)
    closeSync(outside)
    occupied = false
  }
}
