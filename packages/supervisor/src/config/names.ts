/** As Kubernetes names things, so that every name can be a host name, a file name and a unit name. */
export const namePattern = /^[a-z0-9][-a-z0-9.]{0,62}$/
export const wantedName =
  'a name of at most 63 characters as Kubernetes has it: lower-case letters, digits, "-" and ".", the first a letter or digit'
