import { fileServers } from './file-servers.js'
import { rollEach } from './roll.js'

rollEach(fileServers)
