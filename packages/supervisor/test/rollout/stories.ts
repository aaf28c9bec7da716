import fc from 'fast-check'
import type { Command, Event } from '../../dist/model/index.js'
import { listeningSpec, rolling } from './specs.js'
import type { Behaviour } from './simulation.js'

/** What happens in a random story: a user asks for something, or time passes. */
export type Happening = { type: 'wait'; ms: number } | { type: 'ask'; command: Command }

const strategy = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(3), fc.nat(3)).map(([surge, down]) => rolling(surge, down)) },
  { weight: 1, arbitrary: fc.constantFrom(rolling('25%', '25%'), rolling('100%', 0)) },
  { weight: 1, arbitrary: fc.constant({ type: 'Recreate' } as const) },
  { weight: 2, arbitrary: fc.constant({ type: 'InPlace' } as const) },
)

const upgrade = fc
  .record({
    replicas: fc.integer({ min: 0, max: 5 }),
    strategy,
    minReadySeconds: fc.constantFrom(0, 0, 2),
    maxDraining: fc.constantFrom(0, 2, 8),
    revisionHistoryLimit: fc.nat(3),
    terminationGracePeriodSeconds: fc.constantFrom(1, 30),
  })
  .map((change): Command => ({
    type: 'Upgrade',
    revision: { spec: listeningSpec({ ...change, progressDeadlineSeconds: 20 }), release: '' },
    cause: 'upgrade',
  }))

const command: fc.Arbitrary<Command> = fc.oneof<fc.WeightedArbitrary<Command>[]>(
  { weight: 6, arbitrary: upgrade },
  { weight: 2, arbitrary: fc.nat(6).map((replicas) => ({ type: 'Scale', replicas })) },
  { weight: 2, arbitrary: fc.constantFrom<Command>({ type: 'Pause' }, { type: 'Resume' }) },
  {
    weight: 2,
    arbitrary: fc.option(fc.integer({ min: 1, max: 6 })).map((toRevision) => ({ type: 'Undo', toRevision })),
  },
  { weight: 1, arbitrary: fc.constantFrom<Command>({ type: 'Restart' }, { type: 'Stop' }) },
)

export const story = fc.array(
  fc.oneof(
    command.map((command): Happening => ({ type: 'ask', command })),
    fc.oneof(fc.nat(300), fc.nat(40_000)).map((ms): Happening => ({ type: 'wait', ms })),
  ),
  { minLength: 2, maxLength: 25 },
)

/** A process that becomes ready, and drains when asked to. */
export const wellBehaved: fc.Arbitrary<Behaviour> = fc.record({
  readyMs: fc.nat(3000),
  stopAcceptingMs: fc.option(fc.nat(500)),
  drainMs: fc.option(fc.nat(40_000)),
})

const overLimit = { usedBytes: fc.constant(2 ** 29), limitBytes: fc.constant(2 ** 28) }
const probe = fc.constantFrom('startup' as const, 'liveness' as const)
export const anything: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 3, arbitrary: wellBehaved },
  fc.record({
    readyMs: fc.option(fc.nat(2000)),
    exit: fc.record({ afterMs: fc.nat(5000), code: fc.nat(2) }),
  }),
  fc.record({ readyMs: fc.constant(null) }),
  fc.record({ cannotStart: fc.constant('command not found') }),
  fc.record({ execFails: fc.record({ message: fc.constant('E2BIG'), refused: fc.boolean() }) }),
  fc.record({ probeFails: fc.record({ afterMs: fc.nat(9000), probe, reason: fc.constant('503') }) }),
  fc.record({ exceeds: fc.record({ afterMs: fc.nat(9000), ...overLimit }) }),
  fc.record({ exceeds: fc.record({ afterMs: fc.nat(9000), forMs: fc.nat(20_000), ...overLimit }) }),
  fc.record({
    flaps: fc.record({
      afterMs: fc.integer({ min: 200, max: 9000 }),
      forMs: fc.nat(9000),
      reason: fc.constant('503'),
    }),
  }),
)

/** A release that never becomes ready. All its processes fail in the same way. */
export const broken: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constant({ readyMs: null }),
  fc.record({ cannotStart: fc.constant('command not found') }),
  fc.record({
    readyMs: fc.constant(null),
    exit: fc.record({ afterMs: fc.nat(5000), code: fc.nat(2) }),
    drainMs: fc.option(fc.nat(40_000)),
  }),
  fc.record({
    readyMs: fc.constant(null),
    probeFails: fc.record({
      afterMs: fc.nat(9000),
      probe: fc.constant('startup' as const),
      reason: fc.constant('503'),
    }),
  }),
)

export const event: fc.Arbitrary<Event> = fc
  .record({
    at: fc.nat(100_000),
    instance: fc.constantFrom('web-1', 'web-2', 'web-3', 'odd', 'web-0'),
    revision: fc.nat(3),
    type: fc.constantFrom(
      ...['InstanceStarting', 'InstanceStarted', 'InstanceStartFailed', 'InstanceBecameReady'],
      ...['InstanceBecameUnready', 'InstanceProbeFailed', 'InstanceStatus', 'InstanceAccount'],
      'InstanceExceededMemory',
      ...[
        'InstanceDraining',
        'InstanceStoppedAccepting',
        'InstanceDrained',
        'InstanceKilled',
        'InstanceExited',
      ],
      ...['RevisionCreated', 'RolloutStarted', 'RolloutPaused', 'RolloutResumed', 'ServiceScaled'],
      ...['ServiceStopping', 'ServiceStopped', 'RolloutCompleted', 'RolloutFailed', 'RolloutRolledBack'],
    ),
  })
  .map(({ at, instance, revision, type }) => {
    const failure = { code: 'Crashed', message: 'it crashed' }
    return {
      ...{
        service: 'web',
        at,
        type,
        instance,
        restarts: 0,
        pid: 1,
        startTime: '1',
        failure,
        probe: 'startup',
      },
      ...{ reason: 'upgrade', text: '', account: null, deadline: at + 1000, cut: [], output: [], cause: '' },
      ...{
        exit: { code: 0, signal: null },
        rollout: 1,
        from: revision || null,
        to: revision,
        replicas: revision,
      },
      ...{ usedBytes: 2 ** 29, limitBytes: 2 ** 28 },
      ...{ rollingBack: revision > 1, found: [] },
      revision: type === 'RevisionCreated' ? revisionRecord(revision) : revision,
    } as unknown as Event
  })
  .map((event) => {
    const { instance: _, ...rest } = event as unknown as Record<string, unknown>
    return (event.type.startsWith('Instance') ? event : rest) as Event
  })

const revisionRecord = (number: number) => ({
  number,
  spec: listeningSpec(),
  release: '',
  createdAt: 0,
  cause: '',
})
