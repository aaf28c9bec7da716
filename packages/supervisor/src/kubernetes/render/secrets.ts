import { textOf } from './json.js'
import type { KubernetesService } from './order.js'

/** Whole words at the end of a variable's name: matches `DB_PASSWORD`, not `TOKEN_TTL_SECONDS`. */
const secretName =
  /(^|[_.-])(PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRETS?|TOKEN|CREDENTIALS?|API_?KEY|(PRIVATE|ACCESS|SECRET|SIGNING|ENCRYPTION|MASTER)_?KEY)$/i

/** A URL with a password, or a private key. */
const secretValue = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----/i

/** A sentence for each value that looks like a secret and would be readable in the manifests. */
export function secretProblems(service: KubernetesService): string[] {
  const { spec, kubernetes } = service
  const at = `services.${spec.name}`
  const own = new Set(kubernetes.env.map(({ name }) => name))
  const plain = new Set(kubernetes.plainEnv)
  const values: [place: string, name: string, value: string][] = [
    ...Object.entries(spec.env)
      .filter(([name]) => !own.has(name))
      .map(([name, value]) => [`${at}.env.${name}`, name, value] satisfies [string, string, string]),
    ...kubernetes.env.map(({ name, value }): [string, string, string] => {
      const text = textOf(name) ?? ''
      return [`${at}.kubernetes.env.${text}`, text, textOf(value) ?? '']
    }),
    ...Object.entries(kubernetes.configMap?.data ?? {}).map(([name, value]): [string, string, string] => [
      `${at}.kubernetes.configMap.data.${name}`,
      name,
      value,
    ]),
  ]
  return values
    .filter(([, name, value]) => value !== '' && !plain.has(name) && looksSecret(name, value))
    .map(([place, name]) => `${place} ${sentence(name)}`)
}

/** `PWD` alone is the working folder of a shell, not a password. */
const looksSecret = (name: string, value: string): boolean =>
  (secretName.test(name) && name !== 'PWD') || secretValue.test(value)

const sentence = (name: string): string =>
  `looks like a secret and would be plain text in the manifests, wanted kubernetes.env.${name} with valueFrom: { secretKeyRef: { name, key } }, or "${name}" in kubernetes.plainEnv if it is not`
