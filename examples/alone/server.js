import http from 'node:http'
import { handover } from '@handover/process'

const service = handover({ upgradeSignal: 'SIGUSR2', pidFile: 'server.pid' })
const server = http.createServer((request, response) => response.end(`hello from ${process.pid}\n`))
console.log(`${process.pid} listens on ${await service.listen(server, { port: 3000 })}`)
service.ready()
service.on('upgraded', (receipt) => console.log(JSON.stringify(receipt)))
