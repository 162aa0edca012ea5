// A service in a process of its own, to be killed: runs one job and tells of its first epoch.
import { pino } from 'pino';
import { readConfig } from '../../src/config.ts';
import { createServices } from '../../src/service/index.ts';

const [dataDir, request] = process.argv.slice(2) as [string, string];
const config = readConfig({ HEBB_DATA_DIR: dataDir, HEBB_THREADS: '1' });
const services = await createServices(config, pino({ level: 'silent' }));
const { id } = await services.jobs.create(JSON.parse(request));
for await (const { type } of services.jobs.events(id, undefined, new AbortController().signal)) {
  if (type === 'epoch') break;
}
process.send!(id);
