// Passes its connections to a process of its own with Node's IPC, when it is told to, and says how long that took.
const { fork } = require('node:child_process')
const { createServer } = require('node:http')
const answer = require('../packages/supervisor/test/fixtures/apps/answer.cjs')

const server = createServer({ keepAliveTimeout: 600_000 }, answer)

if (process.argv[2] === 'successor') {
  let taken = 0
  process.on('message', (message, socket) => {
    if (message === 'ready?') return process.send('ready')
    if (socket) {
      taken++
      server.emit('connection', socket)
    }
    if (message === 'last') process.send(taken)
  })
} else {
  const open = new Set()
  server.on('connection', (socket) => open.add(socket))
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('message', () => {
    const successor = fork(__filename, ['successor'])
    process.on('exit', () => successor.kill())
    successor.send('ready?')
    successor.once('message', () => {
      const started = performance.now()
      successor.once('message', (moved) =>
        process.send({ moved, seconds: (performance.now() - started) / 1000 }),
      )
      for (const socket of open) {
        open.delete(socket)
        successor.send(open.size === 0 ? 'last' : 'one', socket)
      }
    })
  })
  process.on('SIGTERM', () => process.exit())
}
