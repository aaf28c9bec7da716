// Tests that may be skipped in CI, each with the reason. Any other skip fails the run: see `strict` in run.mjs.

/**
 * `files`: the source files of the tests; `because`: what the tests say; `why`: why CI cannot change it.
 * @type {{ files: RegExp, because: RegExp, why: string }[]}
 */
export const expectedSkips = [
  {
    files: /supervisor\/test\/adapters\/launch-launchers\.test\.ts$/,
    because: /^this Node does not$|^this Node strips types$/,
    why: 'each Node either strips types (22.18 and newer) or runs TypeScript through tsx; the other case has no meaning',
  },
  {
    files: /process\/test\/inherited-faults\.test\.ts$/,
    because: /has the option$/,
    why: 'the message is for a Node without the option reusePort (before 22.12 and 23.1)',
  },
  {
    files: /supervisor\/test\/systemd\//,
    because: /^no cgroup2 is mounted$|^namespaces and cgroups are not to be had here/,
    why: 'systemd as pid 1 needs a writable cgroup2, which a container has only where its host gives it one',
  },
]
