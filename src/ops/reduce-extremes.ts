/** Maximum, minimum and product over axes. */
import { apply1, type Value } from '../ir/graph.ts';
import type { OpDef } from '../ir/op.ts';
import { add, div, greaterEqual, mul, scalar, sub } from './binary.ts';
import { unary } from './elementwise.ts';
import { defineReduce, type ReduceAttrs, reduceSum, reduceWith, spread } from './reduce.ts';

/** Winners share the gradient evenly, as in torch.amax. @param wins 1 where x is the extreme, else 0 */
function share(x: Value, wins: Value, dy: Value, axes: readonly number[]): Value {
  const count = spread(reduceSum(wins, axes), x, axes);
  return div(mul(spread(dy, x, axes), wins), count);
}

const maxOp = defineReduce('reduce_max', ({ inputs: [x], outputs: [y], attrs: { axes } }, [dy]) => [
  share(x!, greaterEqual(x!, spread(y, x!, axes)), dy!, axes),
]);

const minOp = defineReduce('reduce_min', ({ inputs: [x], outputs: [y], attrs: { axes } }, [dy]) => [
  share(x!, greaterEqual(spread(y, x!, axes), x!), dy!, axes),
]);

/** dx_i is the product of all others: with zeros taken out, and 0 where another element is 0. */
const prodOp: OpDef<ReduceAttrs> = defineReduce('reduce_prod', ({ inputs: [x], attrs }, [dy]) => {
  const { axes } = attrs;
  const isZero = greaterEqual(scalar(x!, 0), unary('abs', x!));
  const safe = add(x!, isZero);
  const product = apply1(prodOp, [safe], attrs);
  const otherZeros = sub(spread(reduceSum(isZero, axes), x!, axes), isZero);
  const alone = greaterEqual(scalar(x!, 0.5), otherZeros);
  return [mul(div(spread(mul(dy!, product), x!, axes), safe), alone)];
});

export const reduceMax = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduceWith(maxOp, x, axes, keepdims);
export const reduceMin = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduceWith(minOp, x, axes, keepdims);
export const reduceProd = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduceWith(prodOp, x, axes, keepdims);

export const extremeOps = { reduce_max: maxOp, reduce_min: minOp, reduce_prod: prodOp };
