/** The text of a kernel's shader: declarations of its buffers, its own text, and the entry point. Pure. */
import { LensletError } from '../core/error.ts';
import type { WebgpuArg, WebgpuKernel, WgslElement } from '../ir/kernel.ts';

/** The most workgroups that every device takes along one dimension; more are folded into the next one. */
export const MAX_GROUPS = 65535;

export interface Binding {
  readonly element: WgslElement;
  readonly access: 'read' | 'read_write';
  /** One of the kernel's arguments that lie in this memory. */
  readonly arg: WebgpuArg;
}

export interface Shader {
  readonly text: string;
  /** In the order of the bindings of group 0. */
  readonly bindings: readonly Binding[];
}

/**
 * @param memoryOf what holds an argument: equal for arguments that share memory (in-place results), which then
 * share one variable when one is written, because a kernel may not write what it has bound a second time
 */
export function shaderOf(kernel: WebgpuKernel, memoryOf: (arg: WebgpuArg) => unknown): Shader {
  const sharing = new Map<unknown, WebgpuArg[]>();
  for (const arg of kernel.args) {
    const key = memoryOf(arg);
    const list = sharing.get(key);
    if (list) list.push(arg);
    else sharing.set(key, [arg]);
  }
  let { wgsl } = kernel;
  const reading = (args: readonly WebgpuArg[]) => args.every((a) => a.access === 'read');
  // What is only read may be bound as often as it has names.
  const groups = [...sharing.values()].flatMap((args) => (reading(args) ? args.map((a) => [a]) : [args]));
  const bindings = groups.map((args): Binding => {
    const [arg, ...others] = args;
    for (const other of others) {
      if (other.element !== arg.element || other.length !== arg.length) {
        throw new LensletError(
          'kernel',
          `"${arg.name}" and "${other.name}" share memory, but are ${arg.element} and ${other.element}.`,
        );
      }
      wgsl = renamed(wgsl, other.name, arg.name);
    }
    const access = reading(args) ? 'read' : 'read_write';
    return { element: arg.element, access, arg };
  });
  const declarations = bindings.map(
    ({ element, access, arg }, i) =>
      `@group(0) @binding(${i}) var<storage, ${access}> ${arg.name}: array<${element}${arg.length ? `, ${arg.length}` : ''}>;`,
  );
  const features = kernel.subgroups ? ['enable subgroups;'] : [];
  return { text: [...features, ...declarations, wgsl, entry(kernel)].join('\n'), bindings };
}

/** Buffers are used as `name[…]` or `&name` only (`WebgpuKernel.wgsl`). */
const renamed = (wgsl: string, from: string, to: string): string =>
  wgsl.replace(new RegExp(`(?<![\\w.])${from}(?=\\[)|(?<=&)${from}\\b`, 'g'), to);

const entry = ({ size, workgroups }: WebgpuKernel): string => `
@group(1) @binding(0) var<uniform> firstGroup: vec4u;
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = firstGroup.x + id.x + id.y * ${MAX_GROUPS}u;
  if (group < ${workgroups}u) { run(group, local); }
}`;
