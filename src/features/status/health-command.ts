// `mortise health`: whether the server of this machine can serve, for the health check of a container. It needs no token, since
// /health/ready needs none.

import { AdminClient } from '../../doors/http/client.ts'
import { verb } from '../../doors/cli/command.ts'
import { localAddress } from '../../doors/cli/connect.ts'
import { statusRoutes } from './routes.ts'

export const healthCommand = verb<{ readonly config?: string; readonly data?: string }>({
  words: 'health',
  summary: 'whether the server of a data folder can serve; needs no token; exit code 1 if it cannot',
  flags: [
    ['--data <dir>', 'data folder of the server (default: as configured, else ./mortise-data)'],
    ['--config <file>', 'configuration file that names the data folder'],
  ],
  examples: ['health', 'health --data /var/lib/mortise'],
  offline: true,
  action: async (run, { config, data }) => {
    const admin = new AdminClient({
      ...(await localAddress(run.world.dataFolder({ config, data }))),
      token: '',
    })
    // The server refuses this call while it cannot serve.
    const { ready, degradedInstances } = await admin.call(statusRoutes.ready)
    run.show({ ready, degradedInstances }, () =>
      degradedInstances === 0
        ? 'ready\n'
        : `ready, but instances whose root key does not open: ${degradedInstances} (mortise status)\n`,
    )
  },
})
