import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { resolveAccount } from '../../dist/adapters/launch/account.js'
import { planOf, problemOf, releaseOf } from './launch-rig.js'

const uid = process.getuid?.() ?? 0
const asRoot = uid === 0 ? {} : { skip: 'only root can run an instance as another user' }

/** This user exists on every Linux system. */
const nobody = execFileSync('getent', ['passwd', 'nobody'], { encoding: 'utf8' }).trim().split(':')
const ids = { uid: Number(nobody[2]), gid: Number(nobody[3]) }

test('prepareLaunch() looks up a user, and uses its group, groups and home', asRoot, (t) => {
  const plan = planOf(releaseOf(t, {}), ['sh'], { user: 'nobody' })
  assert.deepEqual({ uid: plan.uid, gid: plan.gid }, ids)
  assert.ok(plan.groups?.includes(ids.gid))
  assert.equal(plan.env['USER'], 'nobody')
  assert.equal(plan.env['LOGNAME'], 'nobody')
  assert.equal(plan.env['HOME'], nobody[5])
})

test('prepareLaunch() returns ids that the system accepts', asRoot, (t) => {
  const plan = planOf(releaseOf(t, {}), ['id'], { user: 'nobody', group: '0' })
  const [program = '', ...words] = plan.argv
  const child = spawnSync(program, [...words, '-u'], {
    uid: plan.uid,
    gid: plan.gid,
    cwd: '/',
    encoding: 'utf8',
  })
  assert.equal(child.stdout, `${ids.uid}\n`)
  assert.equal(plan.gid, 0)
})

test(
  'prepareLaunch() accepts ids, also without an entry in the user database if a group is set',
  asRoot,
  (t) => {
    const release = releaseOf(t, {})
    assert.equal(planOf(release, ['sh'], { user: String(ids.uid) }).env['USER'], 'nobody')
    const plan = planOf(release, ['sh'], { user: '54321', group: '54322' })
    assert.deepEqual([plan.uid, plan.gid, plan.groups], [54321, 54322, []])
  },
)

test('prepareLaunch() names the user or group that does not exist', (t) => {
  const release = releaseOf(t, {})
  assert.equal(problemOf(release, ['sh'], { user: 'no-such-user' }), 'the user "no-such-user" does not exist')
  assert.equal(problemOf(release, ['sh'], { user: '-x' }), 'the user "-x" does not exist')
  assert.equal(
    problemOf(release, ['sh'], { group: 'no-such-group' }),
    'the group "no-such-group" does not exist',
  )
  assert.equal(
    problemOf(release, ['sh'], { user: '54321' }),
    'the user id 54321 has no entry in passwd, wanted a "group" as well',
  )
})

test('resolveAccount() refuses another user when the supervisor is not root', () => {
  const refused = resolveAccount({ user: 'root' }, 1000)
  assert.equal(
    refused.ok ? '' : refused.failure.message,
    `only root can run an instance as "root", and the supervisor's user id is 1000`,
  )
})

test('resolveAccount() changes nothing when the supervisor already runs as that user', () => {
  const gid = process.getgid?.() ?? 0
  assert.deepEqual(resolveAccount({ user: String(ids.uid), group: String(gid) }, ids.uid), {
    ok: true,
    value: {},
  })
})
