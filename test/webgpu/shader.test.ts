/** What is pure in the WebGPU backend: the text of shaders, the cut into submissions, the plan of buffers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changes, reads, scratch, type WebgpuKernel, writes } from '../../src/ir/kernel.ts';
import { GROUP, groupOf } from '../../src/ops/wgsl.ts';
import { planBuffers } from '../../src/plan/memory.ts';
import { cut } from '../../src/webgpu/program.ts';
import { shaderOf } from '../../src/webgpu/shader.ts';

const [a, b] = [scratch(64), scratch(64)];
const kernel = (args: WebgpuKernel['args'], wgsl = 'y[i] = x[i] + v.x * f(&x) * xx[0];'): WebgpuKernel => ({
  ...{ wgsl, args, workgroups: 3, size: 64 },
});

describe('shaders', () => {
  it('declare their buffers in order', () => {
    const { text, bindings } = shaderOf(
      kernel([reads('x', a, 'f32', 16), writes('y', b)]),
      (arg) => arg.buffer,
    );
    expect(text).toContain('@binding(0) var<storage, read> x: array<f32, 16>;');
    expect(text).toContain('@binding(1) var<storage, read_write> y: array<f32>;');
    expect(bindings.map((x) => x.access)).toEqual(['read', 'read_write']);
  });

  it('give buffers that share memory one variable, and leave members and other names alone', () => {
    const { text, bindings } = shaderOf(kernel([writes('y', a), reads('x', a)]), (arg) => arg.buffer);
    expect(bindings).toHaveLength(1);
    expect(text).toContain('y[i] = y[i] + v.x * f(&y) * xx[0];');
    expect(text).not.toContain('var<storage, read> x');
  });

  it('refuse to see the same memory as two types', () => {
    const args = [changes('y', a, 'vec4f'), reads('x', a)];
    expect(() => shaderOf(kernel(args), (arg) => arg.buffer)).toThrow(/share memory/);
  });
});

describe('submissions', () => {
  const steps = fc.array(fc.record({ workgroups: fc.integer({ min: 1, max: 200_000 }), cost: fc.nat(400) }), {
    maxLength: 30,
  });

  it('have every workgroup once, in order, and are no longer than they need be', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const costs = list.map((s) => s.cost);
        const submissions = cut(list, costs, 25, 50);
        const pieces = submissions.flat();
        list.forEach(({ workgroups }, step) => {
          let next = 0;
          for (const p of pieces.filter((q) => q.step === step)) {
            expect(p.first).toBe(next);
            next += p.count;
          }
          expect(next).toBe(workgroups);
        });
        expect(pieces.map((p) => p.step)).toEqual(pieces.map((p) => p.step).sort((x, y) => x - y));
        for (const pieces of submissions) {
          const cost = pieces.reduce(
            (sum, p) => sum + (costs[p.step]! * p.count) / list[p.step]!.workgroups,
            0,
          );
          // One piece alone may be longer: up to 50, or what a single workgroup takes.
          const alone = pieces.length === 1 && (cost <= 50 || pieces[0]!.count === 1);
          expect(cost <= 25 + 1e-9 || alone || pieces.length === 1).toBe(true);
        }
      }),
    );
  });

  it('are one where all is short', () => {
    expect(cut([{ workgroups: 5 }, { workgroups: 7 }], [1, 2], 25, 50)).toHaveLength(1);
    expect(cut([{ workgroups: 100 }], [100], 25, 50).flat()).toHaveLength(4);
  });
});

it('whole buffers: none has two users at a time, and each is as large as its largest', () => {
  const lives = fc.array(
    fc
      .record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(40), length: fc.nat(10) })
      .map((l) => ({ bytes: l.bytes, first: l.first, last: l.first + l.length })),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(lives, (list) => {
      const { offsets, sizes } = planBuffers(list, 16);
      for (const [i, x] of list.entries()) {
        expect(sizes[offsets[i]!]).toBeGreaterThanOrEqual(x.bytes);
        for (const [j, y] of list.entries()) {
          if (i < j && offsets[i] === offsets[j]) expect(x.last < y.first || y.last < x.first).toBe(true);
        }
      }
    }),
  );
});

it('workgroups have room for all invocations, in whole subgroups, and in two at least', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (invocations) => {
      const size = groupOf(invocations);
      const groups = Math.ceil(invocations / size);
      expect(size % 4).toBe(0);
      expect(size).toBeLessThanOrEqual(GROUP);
      expect(groups).toBeGreaterThanOrEqual(invocations > 4 ? 2 : 1);
      // No GPU with subgroups of 32 has more of them to do than with full workgroups.
      const full = Math.ceil(invocations / GROUP) * Math.ceil(GROUP / 32);
      expect(groups * Math.ceil(size / 32)).toBeLessThanOrEqual(Math.max(2, full));
    }),
  );
});
