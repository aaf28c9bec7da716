/** The version of this package, for the supervisor. */
export const version = '0.1.0'
