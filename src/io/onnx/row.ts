/** A row of the operator table: how an operator is read from ONNX, beside how ours is written. */
import type { Node, Value } from '../../ir/graph.ts';
import type { Reading } from './reading.ts';
import type { Writing } from './writing.ts';

export interface Row {
  /** The node's outputs in our graph; outputs that nothing asks for may be left out. */
  readonly read: (r: Reading) => Value | readonly (Value | null)[];
  /** How operators of ours that are this one, or that it is part of, are written, by their name. */
  readonly write?: Readonly<Record<string, (w: Writing, node: Node) => void>>;
}

/** Rows by ONNX operator name. */
export type Rows = Readonly<Record<string, Row>>;
