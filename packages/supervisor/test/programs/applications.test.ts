import { applications } from './applications.js'
import { rollEach } from './roll.js'

rollEach(applications)
