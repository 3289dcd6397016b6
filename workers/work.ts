/** Work of different size, from a drawn digit to a training step, and where each of it runs. */
import { makeCifarNet } from '../models/cifar-resnet.ts';
import { lenet5Modern } from '../models/lenet5.ts';
import { tensor } from '../src/core/tensor.ts';
import type { Choice, HybridBackend } from '../src/hybrid/index.ts';
import { Session } from '../src/session.ts';
import { sgd } from '../src/train/optimizer.ts';
import { Trainer } from '../src/train/trainer.ts';

const WORK = [
  { model: lenet5Modern, batch: 1, training: false },
  { model: lenet5Modern, batch: 64, training: true },
  { model: makeCifarNet(20), batch: 32, training: false },
  { model: makeCifarNet(20), batch: 32, training: true },
] as const;

export interface WorkChoice {
  /** The network's title. */
  readonly title: string;
  readonly batch: number;
  readonly training: boolean;
  readonly choice: Choice;
}

/** Does each piece of work once and tells what was decided for it, with the times. */
export async function measureWork(backend: HybridBackend): Promise<WorkChoice[]> {
  backend.timesAll = true;
  try {
    return await choices(backend);
  } finally {
    backend.timesAll = false;
  }
}

async function choices(backend: HybridBackend): Promise<WorkChoice[]> {
  const rows: WorkChoice[] = [];
  for (const { model, batch, training } of WORK) {
    const session = await Session.create(model, backend);
    const x = tensor([batch, ...model.input]);
    if (training) {
      const labels = tensor([batch], new Int32Array(batch));
      await new Trainer(session, sgd({ momentum: 0.9 })).step({ x, labels }, 1e-3, 1);
    } else await session.infer(x);
    await session.dispose();
    const choice = [...backend.choices.values()].at(-1);
    if (choice) rows.push({ title: model.title, batch, training, choice });
  }
  return rows;
}
