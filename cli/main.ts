#!/usr/bin/env node
/** The `lenslet` command. Exit status: 0 done, 1 it did not work, 2 wrong usage, 130 stopped with Ctrl-C. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { LensletError } from '../src/core/error.ts';
import { benchCommand } from './commands/bench.ts';
import { convertCommand } from './commands/convert.ts';
import { dataCommand } from './commands/data.ts';
import { devicesCommand } from './commands/devices.ts';
import { evalCommand } from './commands/eval.ts';
import { infoCommand } from './commands/info.ts';
import { predictCommand } from './commands/predict.ts';
import { quantizeCommand } from './commands/quantize.ts';
import { readChequeCommand } from './commands/read-cheque.ts';
import { trainCommand } from './commands/train.ts';
import { verifyCommand } from './commands/verify.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const program = new Command('lenslet')
  .description('Runs and trains convolutional networks, offline.')
  .version(version, '--version')
  .helpOption('-h, --help', 'explain the command')
  .option('--verbose', 'show where an error came from')
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError: () => {} })
  .exitOverride();

const commands = [
  trainCommand,
  evalCommand,
  predictCommand,
  readChequeCommand,
  infoCommand,
  convertCommand,
  quantizeCommand,
  verifyCommand,
  benchCommand,
  devicesCommand,
  dataCommand,
];
for (const add of commands) add(program);

function report(error: unknown): void {
  if (error instanceof CommanderError) {
    // Help and version were asked for; without a command, help is the answer to wrong usage.
    if (error.exitCode !== 0 && error.code !== 'commander.help') {
      process.stderr.write(`lenslet: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}\n`);
    }
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  const told = error instanceof LensletError;
  const message = error instanceof Error ? error.message : String(error);
  const hint = told || program.opts().verbose ? '' : ' (a fault of the program; --verbose shows where)';
  process.stderr.write(`lenslet: ${message.replaceAll('\n', ' ')}${hint}\n`);
  if (program.opts().verbose) console.error(error);
  process.exitCode = 1;
}

// A reader that has seen enough (lenslet info | head) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await program.parseAsync().catch(report);
