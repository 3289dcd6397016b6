/** Filling and strided copying: transpose, slice, pad, concat and expand are all copies between strided boxes. */
import { CopyArgs, FillArgs } from "./args";
import { Layout } from "./protocol";

/** Words [tile·TILE, …) of a buffer set to one value. */
export function fill(r: usize, tile: i32): void {
  const count = load<i32>(r + FillArgs.COUNT);
  const value = f32x4.splat(load<f32>(r + FillArgs.VALUE));
  const end = min(count, (tile + 1) * Layout.TILE);
  const y: usize = load<usize>(r + FillArgs.Y);
  let i = tile * Layout.TILE;
  for (; i + 4 <= end; i += 4) v128.store(y + (<usize>i << 2), value);
  for (; i < end; i++) store<f32>(y + (<usize>i << 2), f32x4.extract_lane(value, 0));
}

/**
 * y[dst(i)] = x[src(i)] over a box of up to six dimensions, innermost last; strides in elements, any sign.
 * A tile is `ROWS` rows of the innermost dimension.
 */
export function copy(r: usize, tile: i32): void {
  const inner = load<i32>(r + CopyArgs.INNER);
  const xs = load<i32>(r + CopyArgs.X_STEP);
  const ys = load<i32>(r + CopyArgs.Y_STEP);
  const x: usize = load<usize>(r + CopyArgs.X) + (load<i32>(r + CopyArgs.X_OFFSET) << 2);
  const y: usize = load<usize>(r + CopyArgs.Y) + (load<i32>(r + CopyArgs.Y_OFFSET) << 2);
  const rows = load<i32>(r + CopyArgs.ROWS);
  const end = min(load<i32>(r + CopyArgs.OUTER), (tile + 1) * rows);
  for (let row = tile * rows; row < end; row++) {
    let rest = row;
    let from = x;
    let to = y;
    for (let d = 16; d >= 0; d -= 4) {
      const size = load<i32>(r + d, CopyArgs.DIMS);
      const at = rest % size;
      rest /= size;
      from += at * load<i32>(r + d, CopyArgs.X_STRIDES) << 2;
      to += at * load<i32>(r + d, CopyArgs.Y_STRIDES) << 2;
    }
    if (xs == 1 && ys == 1) {
      memory.copy(to, from, <usize>inner << 2);
    } else {
      for (let i = 0; i < inner; i++) {
        store<u32>(to, load<u32>(from));
        from += xs << 2;
        to += ys << 2;
      }
    }
  }
}
