import { readConfig } from '../../config.ts';
import { command, UsageError } from '../command.ts';

/** Option → setting of the service. */
const settings = {
  port: 'HEBB_PORT',
  host: 'HEBB_HOST',
  'data-dir': 'HEBB_DATA_DIR',
  jobs: 'HEBB_JOBS',
  threads: 'HEBB_THREADS',
  'log-level': 'HEBB_LOG_LEVEL',
} as const;

export const serve = command({
  name: 'serve',
  summary: 'Start the service here',
  options: {
    port: { type: 'string', value: 'PORT', description: 'Where it listens [HEBB_PORT, else 8080].' },
    host: { type: 'string', value: 'HOST', description: 'On which address [HEBB_HOST, else 127.0.0.1].' },
    'data-dir': {
      type: 'string',
      value: 'FOLDER',
      description: 'Where everything is kept [HEBB_DATA_DIR, else ./data].',
    },
    jobs: { type: 'string', value: 'COUNT', description: 'Jobs that train at once [HEBB_JOBS, else 1].' },
    threads: { type: 'string', value: 'COUNT', description: 'Threads of a job [HEBB_THREADS, else the cores].' },
    'log-level': {
      type: 'string',
      value: 'LEVEL',
      description: 'fatal, error, warn, info, … [HEBB_LOG_LEVEL, else info].',
    },
  },
  details:
    'All settings can come from the environment (docs/operation.md). Ctrl-C stops the service; jobs go on at its next start.',
  examples: ['hebb serve', 'hebb serve --port 9000 --data-dir /var/lib/hebb'],
  async run({ values, output }) {
    for (const [option, setting] of Object.entries(settings)) {
      const value = values[option as keyof typeof settings];
      if (value !== undefined) process.env[setting] = value;
    }
    const { host, port } = usable();
    const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    output.note(
      `Hebb starts at http://${shown.includes(':') ? `[${shown}]` : shown}:${port}, documentation at /docs; Ctrl-C stops it`,
    );
    // It reads the environment and ends the process itself.
    await import('../../main.ts');
  },
});

/** Settings by the names that they have on the command line. */
function usable(): ReturnType<typeof readConfig> {
  try {
    return readConfig();
  } catch (error) {
    let { message } = error as Error;
    for (const [option, setting] of Object.entries(settings))
      message = message.replaceAll(setting, `${setting} (--${option})`);
    throw new UsageError(message);
  }
}
