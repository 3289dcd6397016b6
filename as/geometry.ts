/** The geometry of the convolution that this thread is at: the words of `ConvArgs`, read once a tile. */
import { ConvArgs } from './conv-args';

export let n: i32 = 0;
export let groups: i32 = 0;
export let c: i32 = 0;
export let h: i32 = 0;
export let w: i32 = 0;
export let m: i32 = 0;
export let oh: i32 = 0;
export let ow: i32 = 0;
export let kh: i32 = 0;
export let kw: i32 = 0;
export let sh: i32 = 0;
export let sw: i32 = 0;
export let dh: i32 = 0;
export let dw: i32 = 0;
export let pt: i32 = 0;
export let pl: i32 = 0;

export let taps: i32 = 0;
export let pixels: i32 = 0;
/** Bytes of a plane of X and of Y, and of an image of each. */
export let xPlane: usize = 0;
export let yPlane: usize = 0;
export let xImage: usize = 0;
export let yImage: usize = 0;

export function loadGeometry(cmd: usize): void {
  (n = load<i32>(cmd, ConvArgs.N)), (groups = load<i32>(cmd, ConvArgs.G));
  (c = load<i32>(cmd, ConvArgs.C)), (h = load<i32>(cmd, ConvArgs.H)), (w = load<i32>(cmd, ConvArgs.W));
  (m = load<i32>(cmd, ConvArgs.M)), (oh = load<i32>(cmd, ConvArgs.OH)), (ow = load<i32>(cmd, ConvArgs.OW));
  (kh = load<i32>(cmd, ConvArgs.KH)), (kw = load<i32>(cmd, ConvArgs.KW));
  (sh = load<i32>(cmd, ConvArgs.SH)), (sw = load<i32>(cmd, ConvArgs.SW));
  (dh = load<i32>(cmd, ConvArgs.DH)), (dw = load<i32>(cmd, ConvArgs.DW));
  (pt = load<i32>(cmd, ConvArgs.PT)), (pl = load<i32>(cmd, ConvArgs.PL));
  (taps = kh * kw), (pixels = oh * ow);
  (xPlane = (<usize>h * w) << 2), (yPlane = (<usize>pixels) << 2);
  (xImage = groups * c * xPlane), (yImage = groups * m * yPlane);
}
