/** Table rows: reductions. */
import { check } from '../../core/error.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { add, sub } from '../../ops/binary.ts';
import { unary } from '../../ops/elementwise.ts';
import { cast } from '../../ops/integer.ts';
import { expand, type ReduceAttrs, reduceMean, reduceSum } from '../../ops/reduce.ts';
import { reduceMax, reduceMin, reduceProd } from '../../ops/reduce-extremes.ts';
import { reshape } from '../../ops/shape.ts';
import type { Reading } from './reading.ts';
import type { Row, Rows } from './row.ts';
import type { Writing } from './writing.ts';

type Reduce = (x: Value, axes: readonly number[], keepdims: boolean) => Value;

/** Axes are attributes up to opset 12 (ReduceSum) or 17 (the others), inputs after; none means all. */
const row = (reduce: Reduce, write?: Row['write']): Row => ({
  read(r) {
    const x = numbers(r);
    const list = r.list('axes', 1) ?? [];
    if (!list.length && r.int('noop_with_empty_axes', 0) !== 0) return x;
    const axes = list.length ? r.axes(list, x.shape.length) : x.shape.map((_, i) => i);
    return cast(reduce(x, axes, r.int('keepdims', 1) !== 0), r.x(0).dtype);
  },
  write,
});

/** The input as f32. Integers are reduced in f32, which is exact for what shapes hold and not for all data. */
function numbers(r: Reading): Value {
  const x = r.x(0);
  check(
    x.dtype === 'f32' || r.entries[0]?.known(),
    'unsupported',
    () => 'reductions of integers are supported for constants (shapes) only; cast to float first.',
  );
  return cast(x, 'f32');
}

/** ReduceSum takes its axes as an input, the others as an attribute in opset 17. */
const write = (onnx: string) => (w: Writing, node: Node) => {
  const { axes, keepdims } = node.attrs as ReduceAttrs;
  const x = w.name(node.inputs[0]);
  const flag = { keepdims: keepdims ? 1 : 0 };
  if (onnx === 'ReduceSum') w.emit(onnx, [x, w.integers(axes, 'axes')], node, flag);
  else if (axes.length) w.emit(onnx, [x], node, { axes, ...flag });
  else w.emit('Identity', [x], node);
};

/** log Σ eˣ with the largest taken out, so that nothing overflows. */
const logSumExp: Reduce = (x, axes, keepdims) => {
  const top = reduceMax(x, axes, true);
  const rest = unary('log', reduceSum(unary('exp', sub(x, expand(top, x.shape))), axes, true));
  const kept = add(rest, top);
  return keepdims
    ? kept
    : reshape(
        kept,
        x.shape.filter((_, i) => !axes.includes(i)),
      );
};

export const reduceRows: Rows = {
  ReduceSum: row(reduceSum, { reduce_sum: write('ReduceSum') }),
  ReduceMean: row(reduceMean, { reduce_mean: write('ReduceMean') }),
  ReduceMax: row(reduceMax, { reduce_max: write('ReduceMax') }),
  ReduceMin: row(reduceMin, { reduce_min: write('ReduceMin') }),
  ReduceProd: row(reduceProd, { reduce_prod: write('ReduceProd') }),
  ReduceL1: row((x, axes, keep) => reduceSum(unary('abs', x), axes, keep)),
  ReduceL2: row((x, axes, keep) => unary('sqrt', reduceSum(unary('square', x), axes, keep))),
  ReduceSumSquare: row((x, axes, keep) => reduceSum(unary('square', x), axes, keep)),
  ReduceLogSum: row((x, axes, keep) => unary('log', reduceSum(x, axes, keep))),
  ReduceLogSumExp: row(logSumExp),
};
