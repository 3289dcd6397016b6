/**
 * What lowerings return: kernels as data. A WASM kernel is an opcode, a number of tiles and the arguments of
 * its record in the order of the opcode's enum in as/protocol.ts. A WebGPU kernel is the text of a shader, a number
 * of workgroups and the buffers it names.
 */
import type { Opcode } from '../../as/protocol.ts';
import type { Value } from './graph.ts';

/** Memory that lives from a node's first to its last kernel. */
export interface Scratch {
  readonly scratch: true;
  readonly bytes: number;
}

export type Buffer = Value | Scratch;

/** 'part': writes a part of the buffer that no other kernel of the same node touches. */
export type Access = 'read' | 'write' | 'readwrite' | 'part';

export type WasmArg =
  | { readonly kind: 'buffer'; readonly buffer: Buffer | null; readonly access: Access }
  | { readonly kind: 'i32'; readonly value: number }
  | { readonly kind: 'f32'; readonly value: number };

export interface WasmKernel {
  readonly opcode: Opcode;
  /**
   * Units of work; any thread may run any tile, in any order. May depend on shapes only, never on the number
   * of threads: results must be bitwise the same for all.
   */
  readonly tiles: number;
  readonly args: readonly WasmArg[];
}

/** Address of a buffer the kernel reads; an absent one is address 0. */
export const read = (buffer: Buffer | null): WasmArg => ({ kind: 'buffer', buffer, access: 'read' });
/** Address of a buffer the kernel writes in full. */
export const write = (buffer: Buffer | null): WasmArg => ({ kind: 'buffer', buffer, access: 'write' });
/** Address of a buffer of which the kernel writes a part of its own (concat). */
export const writePart = (buffer: Buffer): WasmArg => ({ kind: 'buffer', buffer, access: 'part' });
/** Address of a buffer the kernel adds to. */
export const readWrite = (buffer: Buffer): WasmArg => ({ kind: 'buffer', buffer, access: 'readwrite' });
export const i32 = (value: number): WasmArg => ({ kind: 'i32', value });
export const f32 = (value: number): WasmArg => ({ kind: 'f32', value });
export const scratch = (bytes: number): Scratch => ({ scratch: true, bytes });

/** What shaders may count on beyond the limits that every GPU has. */
export interface GpuTraits {
  /**
   * Invocations of a subgroup where the GPU has them, their number is known and neighbours are in one; else 0. Software
   * has four: it loads the lanes one by one, so that sharing what they load pays, and workgroup memory does not.
   */
  readonly subgroup: number;
  /** Whether weights of convolutions and linear layers that their plan does not change are read in half precision. */
  readonly half?: boolean;
}

/** How a shader sees the elements of a buffer. */
export type WgslElement = 'f32' | 'i32' | 'u32' | 'vec2u' | 'vec4f' | 'vec4i';

export interface WebgpuArg {
  readonly kind: 'buffer';
  /** The variable in the shader: an array of `element`. */
  readonly name: string;
  readonly element: WgslElement;
  readonly buffer: Buffer;
  readonly access: Access;
  /** Declares the array with this many elements, which makes its bounds cheaper to check; has no arrayLength then. */
  readonly length?: number;
}

export interface WebgpuKernel {
  /**
   * WGSL: `fn run(group: u32, local: u32)`, the work of invocation `local` of workgroup `group`, and what it needs.
   * Buffers are used as `name[…]` or `&name` only. Shapes are constants in the text: equal texts share a pipeline.
   */
  readonly wgsl: string;
  /** Workgroups, in any order; they write what no other one touches. The number may depend on shapes only. */
  readonly workgroups: number;
  /** Invocations of a workgroup, 256 at most. */
  readonly size: number;
  readonly args: readonly WebgpuArg[];
  /** Uses functions of subgroups. */
  readonly subgroups?: boolean;
  /** Multiply–adds of all workgroups, where they are many: long work is dispatched in pieces. */
  readonly macs?: number;
}

const shaderArg =
  (access: Access) =>
  (name: string, buffer: Buffer, element: WgslElement = 'f32', length?: number): WebgpuArg => ({
    kind: 'buffer',
    name,
    buffer,
    access,
    element,
    length,
  });
/** A buffer the shader reads, under the name it has there. */
export const reads = shaderArg('read');
/** One it writes in full; reading what it wrote is allowed. */
export const writes = shaderArg('write');
/** One of which it writes a part that no other kernel of the node touches. */
export const writesPart = shaderArg('part');
/** One it changes. */
export const changes = shaderArg('readwrite');
