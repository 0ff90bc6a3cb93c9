// Examples of the routes about health, status and the configuration, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import {
  at,
  backupStatusSample,
  clientSample,
  held,
  instanceSample,
  later,
  recoverable,
  sampleSha256,
} from '../../doors/http/samples.ts'
import type { statusRoutes } from './routes.ts'

export const examples: Examples<typeof statusRoutes> = {
  live: { answer: { live: true } },
  ready: {
    answer: {
      ready: true,
      degradedInstances: 0,
      degraded: [],
      unreachable: [],
      withdrawn: [],
      newKeysRefused: [],
      readsRefused: [],
      standardKeysLeft: [],
      closingsUnrecorded: [],
      otherServers: [],
      nearLimit: [],
      recoverableKeys: 1,
      conditions: { critical: 0, warning: 1, notice: 0 },
    },
  },
  metrics: {
    answer:
      '# HELP mortise_ready Whether this node can serve (1) or not (0).\n# TYPE mortise_ready gauge\nmortise_ready 1\n',
  },
  status: {
    answer: {
      version: '0.1.0',
      started: at,
      ready: true,
      servesKeys: true,
      reason: null,
      kmip: '[::]:5696',
      fips: null,
      kmipHttps: null,
      instances: [
        {
          ...instanceSample,
          rootKey: 'ok',
          rootKeyReason: null,
          served: true,
          clients: 1,
          objects: { Active: 120, PreActive: 1 },
          recoverable,
          limits: held,
          upstream: null,
        },
      ],
      pending: 0,
      traffic: { keysPerMinute: 42, connections: 3 },
      mayAll: { count: 1, clients: [{ name: clientSample.name, instance: instanceSample.name }] },
      expiries: [
        {
          kind: 'client',
          name: clientSample.name,
          instance: instanceSample,
          sha256: sampleSha256,
          notAfter: later,
          daysLeft: 3650,
        },
      ],
      nodes: [
        {
          name: 'kms-1',
          version: '0.1.0',
          kmip: 'kms-1:5696',
          started: at,
          secondsAgo: 2,
          serves: true,
          isThis: true,
          work: ['backups', 'recovery'],
        },
        {
          name: 'kms-2',
          version: '0.1.0',
          kmip: 'kms-2:5696',
          started: at,
          secondsAgo: 3,
          serves: true,
          isThis: false,
          work: [],
        },
      ],
      backups: backupStatusSample,
      conditions: [
        {
          id: 'bootstrap-token',
          severity: 'warning',
          instance: null,
          message: "the first token, a manager's for everything, is 8 days old and lies in the data folder",
          action:
            'Make a token for each person and program (mortise token create), then revoke the first one: mortise token revoke bootstrap',
        },
      ],
    },
  },
  reloadConfiguration: { answer: { applied: ['log.level'], needRestart: ['kmip.listen'] } },
}
