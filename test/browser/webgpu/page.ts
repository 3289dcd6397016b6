/** What the test calls in the page. */
import { lenet5Modern } from '../../../models/index.ts';
import { Session, tensor } from '../../../src/index.ts';
import { createWebgpuBackend } from '../../../workers/browser-webgpu.ts';
import { checks } from './checks.ts';

export const calls = {
  async check() {
    const backend = await createWebgpuBackend();
    const found = await checks(backend);
    const { usedBytes } = backend;
    backend.dispose();
    return { found, usedBytes };
  },
  /** Loses the device while a run is under way, and runs again after that: the codes of the errors. */
  async lose() {
    const backend = await createWebgpuBackend();
    const session = await Session.create(lenet5Modern, backend);
    const x = tensor([16, ...lenet5Modern.input]);
    await session.infer(x);
    const code = (error: unknown) => (error as { code?: string }).code ?? String(error);
    const pending = session.infer(x).then(() => 'an answer', code);
    backend.device.destroy();
    return { pending: await pending, later: await session.infer(x).then(() => 'an answer', code) };
  },
};

Object.assign(window, { calls });
