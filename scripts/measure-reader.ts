/**
 * npm run measure:reader -- [--data DIR] [--weights FILE]… [--part validation|test|cheques|photographs] [--list]: how well the reader
 * reads amounts that it was not trained on, and what a threshold on the confidence accepts. Several weights read together.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chequeReader, readerNetwork, readerSettings } from '../models/cheque-reader.ts';
import { photograph } from '../src/data/cheques/photograph.ts';
import { parseSafetensors } from '../src/io/safetensors.ts';
import { Session } from '../src/session.ts';
import { readCheque } from '../src/vision/reader/cheque.ts';
import { type ReaderNetwork, type Reading, readLine, together } from '../src/vision/reader/read.ts';
import { createBackend } from '../workers/node.ts';
import { accuracy } from './reader/measure.ts';
import { readAmounts, readGrey } from './reader/orand.ts';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: process.env.LENSLET_DATA ?? '../shared/data' },
    weights: { type: 'string', multiple: true, default: ['models/cheque-reader.safetensors'] },
    part: { type: 'string', default: 'validation' },
    list: { type: 'boolean', default: false },
  },
});

/** Photographs made from each scan. */
const SHOTS = 2;

interface Result {
  readonly file: string;
  readonly wanted: string;
  readonly reading: Reading | null;
}

async function readPart(network: ReaderNetwork, first: Session): Promise<Result[]> {
  const results: Result[] = [];
  if (args.part === 'cheques' || args.part === 'photographs') {
    const folder = join(args.data, 'cheques');
    const rows = readFileSync(join(folder, 'amounts.csv'), 'utf8').trim().split('\n').slice(1);
    for (const [i, row] of rows.entries()) {
      const [file, , digits] = row.split(',');
      const scan = await readGrey(join(folder, file));
      const shots = Array.from({ length: SHOTS }, (_, k) => () => photograph(scan, 1, SHOTS * i + k).image);
      for (const image of args.part === 'cheques' ? [() => scan] : shots) {
        const read = await readCheque(network, image(), readerSettings);
        results.push({ file, wanted: digits, reading: read?.reading ?? null });
      }
    }
    return results;
  }
  const parts = await readAmounts(join(args.data, 'orand-car-a'));
  const part = args.part === 'test' ? parts.test : parts.validation;
  console.log(`best path of one view: ${(100 * (await accuracy(first, part))).toFixed(2)} %`);
  const start = performance.now();
  for (const { file, digits, line } of part) {
    results.push({ file, wanted: digits, reading: await readLine(network, line, readerSettings) });
  }
  console.log(
    `${((performance.now() - start) / part.length).toFixed(1)} ms a line, its preparation left out`,
  );
  return results;
}

function report(results: readonly Result[]): void {
  const isRight = ({ reading, wanted }: Result) => reading?.digits === wanted;
  const confidence = ({ reading }: Result) => reading?.confidence ?? 0;
  const right = results.filter(isRight).length;
  console.log(`${right} of ${results.length} right: ${((100 * right) / results.length).toFixed(2)} %`);
  const tell = (which: string, accepted: readonly Result[]): void => {
    const wrong = accepted.filter((r) => !isRight(r)).length;
    console.log(`${which}: ${accepted.length} accepted, ${wrong} of them wrong`);
  };
  for (const threshold of [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98]) {
    const sure = results.filter((r) => confidence(r) >= threshold);
    tell(`confidence from ${threshold}`, sure);
  }
  const accepted = results.filter(({ reading }) => reading?.accepted);
  tell('by the reader, doubtful frames left out', accepted);
  if (!args.list) return;
  for (const r of results.filter((r) => !isRight(r))) {
    const { digits, text, alternatives } = r.reading ?? { digits: '', text: '', alternatives: [] };
    const next = alternatives.map((a) => `${a.digits} ${a.probability.toFixed(2)}`).join(', ');
    console.log(`${r.file} ${r.wanted} read ${digits} (${text}) ${confidence(r).toFixed(3)}; ${next}`);
  }
}

const backend = await createBackend({ threads: 1 });

async function load(file: string): Promise<Session> {
  const session = await Session.create(chequeReader, backend);
  const { tensors } = parseSafetensors(new Uint8Array(readFileSync(file)));
  await session.loadStateDict(new Map([...tensors].filter(([name]) => !/^optimizer\./.test(name))));
  return session;
}

const sessions: Session[] = [];
for (const file of args.weights) sessions.push(await load(file));
report(await readPart(together(sessions.map(readerNetwork)), sessions[0]));
backend.dispose();
