// node --import @handover/process/register app.js
import { preload } from './preload/preload.js'

preload()
