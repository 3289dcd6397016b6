/** The operator table: import and export side by side, a row for each ONNX operator. */
import type { Node } from '../../ir/graph.ts';
import { elementwiseRows } from './ops-elementwise.ts';
import { networkRows } from './ops-network.ts';
import { reduceRows } from './ops-reduce.ts';
import { resampleRows } from './ops-resample.ts';
import { shapeRows } from './ops-shape.ts';
import type { Row } from './row.ts';
import type { Writing } from './writing.ts';

/** By ONNX operator name. */
export const rows: ReadonlyMap<string, Row> = new Map(
  Object.entries({ ...networkRows, ...elementwiseRows, ...reduceRows, ...resampleRows, ...shapeRows }),
);

/** By the name of our operator. */
export const writers: ReadonlyMap<string, (w: Writing, node: Node) => void> = new Map(
  [...rows.values()].flatMap((row) => Object.entries(row.write ?? {})),
);
