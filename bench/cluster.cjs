// A hand-written node:cluster roll, as people write it: on SIGHUP fork a new worker, wait until it listens,
// disconnect an old one, and so on. Says "rolled" on standard output when it has ended.
const cluster = require('node:cluster')

if (cluster.isPrimary) {
  const fork = () =>
    new Promise((resolve) => {
      const worker = cluster.fork()
      worker.once('listening', () => resolve(worker))
    })
  const begin = async () => {
    let workers = [await fork(), await fork()]
    process.on('SIGHUP', async () => {
      const next = []
      for (const old of workers) {
        next.push(await fork())
        old.disconnect()
      }
      workers = next
      console.log('rolled')
    })
    console.log('ready') // only now: a SIGHUP before would end the process
  }
  begin()
} else {
  require('./app.cjs')
}
