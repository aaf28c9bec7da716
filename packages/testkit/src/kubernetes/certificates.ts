import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addresses } from './network.js'
import { run } from './programs.js'

export interface Certificates {
  authority: string
  server: { certificate: string; key: string }
  /** Signs the tokens of service accounts. */
  accountKey: string
  /** The authority's certificate itself, PEM. */
  authorityPem: string
}

/** An authority, one certificate for every server here, and the key of service accounts, as files in `folder`. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'node']
  const alternatives = [
    ...names.map((name) => `DNS:${name}`),
    ...['127.0.0.1', addresses.host, addresses.api].map((address) => `IP:${address}`),
  ]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const authority = ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=handover-test', '-days', '2']
  await openssl(...request, ...authority)
  await openssl(
    ...request,
    ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-keyout', 'server.key', '-out', 'server.crt', '-days', '2'],
    ...['-subj', '/CN=kubernetes', '-addext', `subjectAltName=${alternatives.join()}`],
  )
  await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'accounts.key')
  return {
    authority: join(folder, 'ca.crt'),
    server: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') },
    accountKey: join(folder, 'accounts.key'),
    authorityPem: readFileSync(join(folder, 'ca.crt'), 'utf8'),
  }
}
