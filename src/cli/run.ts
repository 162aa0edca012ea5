import { readFileSync } from 'node:fs';
import { HebbArgumentError, HebbClient, HebbConnectionError, HebbProblem } from '../client/index.ts';
import { CommandError, type ExitCode, UsageError } from './command.ts';
import { commands } from './commands/index.ts';
import { commandHelp, overview } from './help.ts';
import { Output } from './output.ts';
import { parse } from './parse.ts';
import { clean } from './text.ts';

/** Runs a command line. @returns its exit code */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<ExitCode> {
  const { stdout, stderr } = process;
  try {
    const request = parse(argv, commands);
    switch (request.kind) {
      case 'version':
        stdout.write(`${version()}\n`);
        return 0;
      case 'overview':
        stdout.write(overview(commands, request.group));
        return 0;
      case 'help':
        stdout.write(commandHelp(request.command));
        return 0;
    }
    const { command, values, args } = request;
    const output = new Output(values.json === true, stdout, stderr, env);
    const client = clientOf((values.url as string | undefined) || env.HEBB_URL || undefined, output);
    return (await command.run({ client, values, args, output, env })) ?? 0;
  } catch (error) {
    return explain(error, stderr);
  }
}

function clientOf(baseUrl: string | undefined, output: Output): HebbClient {
  try {
    if (baseUrl !== undefined && !/^https?:$/.test(new URL(baseUrl).protocol)) throw new TypeError('not HTTP');
    return new HebbClient({
      baseUrl,
      retries: 2,
      onRetry: (error, delayMs) => {
        // A bar may stand there.
        const start = output.stderr.isTTY ? '\r\u001b[K' : '';
        if (delayMs >= 1000)
          output.note(`${start}${clean(error.message)}; trying again in ${Math.round(delayMs / 1000)} s`);
      },
    });
  } catch {
    throw new UsageError(`the address of the service must be a URL such as http://127.0.0.1:8080, got "${baseUrl}"`);
  }
}

/** Tells what went wrong. @returns the exit code */
function explain(error: unknown, stderr: NodeJS.WritableStream): ExitCode {
  const tell = (...lines: string[]) =>
    stderr.write(
      `${lines
        .flatMap((line) => line.split('\n'))
        .map(clean)
        .join('\n')}\n`,
    );
  if (error instanceof UsageError) {
    tell(`hebb: ${error.message}`);
    return 2;
  }
  if (error instanceof HebbConnectionError) {
    tell(
      `hebb: ${error.message}`,
      'Is the service running? hebb serve starts one; --url or HEBB_URL says where it is.',
    );
    return 1;
  }
  if (error instanceof HebbProblem) {
    // Of a single fault the detail tells all; of several it tells the first.
    const faults = error.errors.length > 1 ? error.errors : [];
    tell(
      `hebb: ${faults.length > 0 ? `${error.title}:` : error.message}`,
      ...faults.map(({ pointer, message }) => `  ${pointer || '(body)'}: ${message}`),
    );
    if (error.status >= 500 && error.requestId) tell(`  request ${error.requestId} in the log of the service`);
    return 1;
  }
  if (error instanceof CommandError || error instanceof HebbArgumentError) {
    tell(`hebb: ${error.message}`);
    return 1;
  }
  throw error;
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
