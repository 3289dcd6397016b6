/** What the page and, for the values to compare with, Node compute: networks of every kind of layer. */
import { lenet5Modern, makeCifarNet } from '../../../models/index.ts';
import type { Backend } from '../../../src/backend.ts';
import { type Model, Session, sgd, type Tensor, Trainer, tensor } from '../../../src/index.ts';

/** Scores of four images and losses of the first steps, by network. */
export async function checks(backend: Backend): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  for (const model of [lenet5Modern, makeCifarNet(8)]) {
    const session = await Session.create(model, backend, { seed: 1 });
    const { scores } = await session.infer(pattern([4, ...model.input]));
    found[`${model.name} scores`] = [...scores.data];
    found[`${model.name} losses`] = await losses(session, model);
    await session.dispose();
  }
  return found;
}

async function losses(session: Session, model: Model): Promise<number[]> {
  const trainer = new Trainer(session, sgd({ momentum: 0.9, weightDecay: 1e-4 }));
  const labels = tensor([8], Int32Array.from([0, 1, 2, 3, 4, 5, 6, 7]));
  const list: number[] = [];
  for (let step = 1; step <= 3; step++) {
    list.push((await trainer.step({ x: pattern([8, ...model.input]), labels }, 0.05, step)).loss);
  }
  return list;
}

/** Any values in [−1, 1], the same everywhere. */
function pattern(shape: readonly number[]): Tensor {
  const made = tensor(shape);
  for (let i = 0; i < made.data.length; i++) made.data[i] = ((i * 7919) % 1009) / 504 - 1;
  return made;
}
