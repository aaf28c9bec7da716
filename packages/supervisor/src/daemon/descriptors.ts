// For `handover start`: a supervisor in the background must not keep the pipes and locks of the shell that started it.
export { keepDescriptorsFromChildren } from '../adapters/index.js'
