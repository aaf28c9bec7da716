import assert from 'node:assert/strict'
import net from 'node:net'
import os from 'node:os'
import test from 'node:test'
import fc from 'fast-check'
import { formatIp, fromProcNet, ipBytes, toProcNet, toProcNetPort } from '../../dist/shared/ip-address.js'
import {
  checkUnixName,
  familyOf,
  formatInetAddress,
  inetAddress,
  maxUnixPathBytes,
  namedUnixAddress,
  portOf,
  unixAddress,
} from '../../dist/shared/socket-address.js'

const shown: Record<string, string> = {
  '127.0.0.1': '7f000001',
  '::': '0'.repeat(32),
  '::1': `${'0'.repeat(31)}1`,
  'fe80::1%eth0': `fe80${'0'.repeat(27)}1`,
  '::ffff:127.0.0.1': `${'0'.repeat(20)}ffff7f000001`,
  '2001:db8:1:2:3:4:5:6': '20010db8000100020003000400050006',
  '2001:db8::5': `20010db8${'0'.repeat(23)}5`,
  '1::': `0001${'0'.repeat(28)}`,
}

for (const [address, hex] of Object.entries(shown))
  test(`ipBytes() reads ${address}`, () => assert.equal(ipBytes(address).toString('hex'), hex))

test('formatIp() and ipBytes() are each the reverse of the other', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      const bytes = ipBytes(address)
      const text = formatIp(bytes)
      assert.equal(net.isIP(text), bytes.length === 4 ? 4 : 6)
      assert.deepEqual(ipBytes(text), bytes)
      assert.deepEqual(fromProcNet(toProcNet(bytes)), bytes)
    }),
  )
})

test('toProcNet() writes an address as /proc/net/tcp does', { skip: os.endianness() === 'BE' }, () => {
  assert.equal(toProcNet(ipBytes('127.0.0.1')), '0100007F')
  assert.equal(toProcNet(ipBytes('::ffff:127.0.0.1')), '0000000000000000FFFF00000100007F')
  assert.equal(toProcNetPort(80), '0050')
})

test('inetAddress() is what formatInetAddress() shows', () => {
  assert.equal(formatInetAddress(inetAddress('127.0.0.1', 3000)), '127.0.0.1:3000')
  assert.equal(formatInetAddress(inetAddress('::1', 3000)), '[::1]:3000')
  assert.deepEqual([inetAddress('127.0.0.1', 1).length, inetAddress('::1', 1).length], [16, 28])
  assert.deepEqual([familyOf(inetAddress('::1', 65535)), portOf(inetAddress('::1', 65535))], [10, 65535])
  assert.equal(inetAddress('fe80::1%7', 1).readUInt32LE(24), 7)
})

test('a name of the abstract namespace has no final NUL, a path has one', () => {
  assert.equal(unixAddress('/run/x').subarray(2).toString(), '/run/x\0')
  assert.equal(namedUnixAddress('/run/x').subarray(2).toString(), '/run/x\0')
  assert.equal(namedUnixAddress('@x').subarray(2).toString(), '\0x')
  assert.equal(unixAddress('@x').subarray(2).toString(), '@x\0')
})

test('checkUnixName() says what is wrong with a name', () => {
  assert.equal(checkUnixName('NOTIFY_SOCKET', '/run/x'), null)
  assert.equal(checkUnixName('NOTIFY_SOCKET', `/${'x'.repeat(maxUnixPathBytes - 1)}`), null)
  for (const name of ['', '@', '/', 'run/x', `/${'x'.repeat(maxUnixPathBytes)}`])
    assert.match(checkUnixName('NOTIFY_SOCKET', name) ?? '', /^NOTIFY_SOCKET /)
})
