/** RFC 1123 label: namespaces, containers. */
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
export const wantedLabel =
  'an RFC 1123 label: at most 63 lower-case letters, digits and "-", the first and the last a letter or digit'
export const isLabel = (name: string): boolean => label.test(name)

/** RFC 1035 label: Services, and so every object with the name of one. */
export const wantedServiceName =
  'an RFC 1035 label: at most 63 lower-case letters, digits and "-", the first a letter, the last a letter or digit'
export const isServiceName = (name: string): boolean => label.test(name) && /^[a-z]/.test(name)

/** RFC 6335, 5.1: IANA_SVC_NAME. */
export const wantedPortName =
  'the name of a port (RFC 6335): at most 15 lower-case letters, digits and single "-", one of them a letter, the first and the last no "-"'
export const isPortName = (name: string): boolean =>
  /^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(name) && /[a-z]/.test(name) && !name.includes('--')

export const wantedLabelValue =
  'at most 63 letters, digits, "-", "_" and ".", the first and the last a letter or digit'
export const isLabelValue = (value: string): boolean =>
  /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(value)

/** A qualified name: `app`, `example.com/app`. */
export const isLabelName = (name: string): boolean =>
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name)

/** Names of variables that the API server accepts in every supported version. */
export const isVariableName = (name: string): boolean => /^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)

export const isConfigMapKey = (name: string): boolean => /^[-._a-zA-Z0-9]{1,253}$/.test(name)
