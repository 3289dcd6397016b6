/** Real scans, where they are: the amount's box against the places that people marked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDecoder } from '../../../cli/images.ts';
import { findAmount } from '../../../src/vision/cheque/find.ts';
import { realPath } from '../../data/real.ts';
import { iou } from './iou.ts';

const folder = realPath('cheques');

test.skipIf(!folder)('at least 95 % of the scans have their amount found (IoU ≥ 0.5)', async () => {
  const decode = await openDecoder();
  const rows = readFileSync(join(folder!, 'amounts.csv'), 'utf8').trim().split('\n').slice(1);
  let found = 0;
  for (const row of rows) {
    const cells = row.split(',');
    const [x0, y0, x1, y1] = cells.slice(-4).map(Number) as [number, number, number, number];
    const amount = findAmount(await decode(join(folder!, cells[0]!)));
    if (amount && iou(amount.box, { x0, y0, x1, y1 }) >= 0.5) found++;
  }
  expect(found / rows.length).toBeGreaterThanOrEqual(0.95);
});
