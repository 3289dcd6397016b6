/**
 * PyTorch's values for operators, training runs and networks, and ONNX's own test cases, on WebGPU in Chromium with its
 * software driver. In Node: `npm run reference -- DIR --backend webgpu`, `lenslet verify … --backend webgpu`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { calls as Calls, OnnxCase } from '../browser/webgpu/page.ts';
import { openGpuPage } from '../browser/webgpu/site.ts';
import { refused } from '../onnx/refused.ts';

declare const calls: typeof Calls;

const folder = join(process.env.LENSLET_DATA ?? '../shared/data', '..', 'reference');
/** Cases that there are at least: a suite that finds none has checked nothing. */
const FEWEST = { ops: 75, steps: 6, zoo: 8, onnx: 238 };

function onnxCases(): OnnxCase[] {
  const list = (path: string) =>
    readdirSync(join(folder, path)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return list('onnx-node').map((name) => {
    const data = `onnx-node/${name}/test_data_set_0`;
    const of = (kind: string) =>
      list(data)
        .filter((file) => file.startsWith(kind))
        .map((file) => `${data}/${file}`);
    return { name, model: `onnx-node/${name}/model.onnx`, inputs: of('input_'), outputs: of('output_') };
  });
}

describe.skipIf(!existsSync(folder))('in Chromium', () => {
  let page: Page;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ page, close } = await openGpuPage('test-gpu-reference', folder));
  }, 120_000);
  afterAll(() => close?.());

  it.each(['ops', 'steps', 'zoo'] as const)('%s.json', async (suite) => {
    const results = await page.evaluate((name) => calls.reference(name), suite);
    expect(results.filter((r) => !r.passed)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(FEWEST[suite]);
  });

  it('ONNX', async () => {
    const cases = onnxCases();
    const problems = await page.evaluate((list) => calls.onnx(list), cases);
    const failed = cases.flatMap(({ name }, i) => {
      const problem = problems[i];
      return problem === null || refused[name]?.test(problem) ? [] : [`${name}: ${problem}`];
    });
    expect(failed).toEqual([]);
    expect(cases.length).toBeGreaterThanOrEqual(FEWEST.onnx);
    expect(problems.filter((p) => p !== null)).toHaveLength(Object.keys(refused).length);
  });
});
