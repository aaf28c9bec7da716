/** Of this package; the supervisor is told which library it talks to. */
export const version = '0.1.0'
