/** ResNet-20 trained by the engine alone: no app around it, the same batch every step. */
import { makeCifarNet } from '../../../models/index.ts';
import { Session, sgd, Trainer, tensor } from '../../../src/index.ts';
import { createBackend } from '../../../workers/browser.ts';

const BATCH = 64;

async function measure(steps: number): Promise<number> {
  const backend = await createBackend();
  const session = await Session.create(makeCifarNet(20), backend, { seed: 1 });
  const trainer = new Trainer(session, sgd({ momentum: 0.9, weightDecay: 1e-4 }));
  const x = tensor([BATCH, 3, 32, 32]);
  x.data.forEach((_, i) => {
    x.data[i] = ((i * 7919) % 1009) / 504 - 1;
  });
  const labels = tensor(
    [BATCH],
    Int32Array.from({ length: BATCH }, (_, i) => i % 10),
  );
  const times: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const start = performance.now();
    await trainer.step({ x, labels }, 0.01, step);
    times.push(performance.now() - start);
  }
  return (1000 * BATCH) / (times.sort((a, b) => a - b)[steps >> 1] as number);
}

addEventListener('message', ({ data }: MessageEvent<number>) => {
  void measure(data).then((speed) => postMessage(speed));
});
