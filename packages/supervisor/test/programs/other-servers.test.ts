import { otherServers } from './other-servers.js'
import { rollEach } from './roll.js'

rollEach(otherServers)
