import { messageServers } from './message-servers.js'
import { rollEach } from './roll.js'

rollEach(messageServers)
