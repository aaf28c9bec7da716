/** Kubernetes' rule for names, so that a name also works as host name, file name and unit name. */
export const namePattern = /^[a-z0-9][-a-z0-9.]{0,62}$/
export const wantedName =
  'a name of at most 63 characters: lower-case letters, digits, "-" and ".", the first a letter or digit'
