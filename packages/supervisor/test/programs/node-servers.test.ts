import { nodeServers } from './node-servers.js'
import { rollEach } from './roll.js'

rollEach(nodeServers)
