/** From a photo or scan of a cheque to the line with its amount. */
import {
  compose,
  type Homography,
  homography,
  mapQuad,
  type Quad,
  quadOf,
  warp,
} from '../../core/homography.ts';
import { type Box, checkImage, type GreyImage, shrink } from '../grey.ts';
import { type Frame, findFrame, frameArea, LEAST_SCORE } from './frame.ts';
import { aspectOf, faintOutlines, findOutline } from './outline.ts';

/** Where a cheque's amount stands. All places are in pixels of the image given. */
export interface FoundAmount {
  /** The cheque's corners, from its own top left on. */
  readonly cheque: Quad;
  /** The printed frame of the amount. */
  readonly frame: Quad;
  /** The upright box around the amount: the frame and the room below and above it that handwriting takes. */
  readonly box: Box;
  /** How surely this is the frame, 0 … 4: the sides of the frame that are there. */
  readonly score: number;
  /** The straightened line, LINE_HEIGHT pixels high; 0 = black … 255 = white. */
  readonly line: GreyImage;
  /** The frame in the line. */
  readonly lineFrame: Box;
  /** From pixels of the line to pixels of the image. */
  readonly toImage: Homography;
}

/** Height of a line in pixels, the room above and below the frame included. */
export const LINE_HEIGHT = 96;
/** Frames are looked for in the cheque straightened to this width, pixels. */
const WIDTH = 800;
/** A frame is beyond doubt from here on: no other way to hold the cheque is tried. */
const SURE = 3.2;
/** The best frame scores more than this; then others count too, where no amount can be read in it. */
const LEAST_BEST = 2.3;
/** Scores of what is upside down count less: few hold a cheque so. */
const UPSIDE_DOWN = 0.8;
/** Room for handwriting around the frame, in heights of the frame. */
const ROOM = { left: 0.12, top: 0.18, right: 0.05, bottom: 0.35 };

/**
 * The amount of a cheque that fills the image (a scan) or lies on something that its edges stand out from (a photo),
 * turned any way. Null where no frame is found.
 * @param image luma, 0 = black … 255 = white
 * @param thorough as for `findAmounts`
 * @throws LensletError `shape` for an empty image
 */
export const findAmount = (image: GreyImage, thorough = false): FoundAmount | null =>
  findAmounts(image, thorough)[0] ?? null;

/**
 * The likeliest frame for each way to hold the cheque, best first: a form's other frames, upside down, can look more like
 * that of the amount than its own. Empty where none is likely.
 * @param thorough where none is found, looks for cheques whose outline hardly stands out; takes several times as long
 * @throws LensletError `shape` for an empty image
 */
export function findAmounts(image: GreyImage, thorough = false): FoundAmount[] {
  checkImage(image);
  const outline = findOutline(image);
  const whole = quadOf(image.width, image.height);
  const found = findWithin(image, outline ? [outline.quad, whole] : [whole]);
  if (found.length > 0 || !thorough) return found;
  return findWithin(
    image,
    faintOutlines(image).map(({ quad }) => quad),
  );
}

/** The likeliest frames of cheques with these corners, best first. */
function findWithin(image: GreyImage, cheques: readonly Quad[]): FoundAmount[] {
  const all: FoundAmount[] = [];
  for (const [quad, likely] of cheques.flatMap(turned)) {
    const found = findIn(image, quad);
    const isSure = found !== null && found.score > SURE;
    const score = found ? found.score * (isSure ? 1 : likely) : 0;
    if (found && score > LEAST_SCORE) all.push({ ...found, score });
    if (isSure) break;
  }
  all.sort((a, b) => b.score - a.score);
  return all[0] && all[0].score > LEAST_BEST ? all : [];
}

/** The quadrilateral as it is, long side across, and upside down; how likely each is. */
function turned([a, b, c, d]: Quad): [Quad, number][] {
  return aspectOf([a, b, c, d]) >= 1
    ? [
        [[a, b, c, d], 1],
        [[c, d, a, b], UPSIDE_DOWN],
      ]
    : [
        [[d, a, b, c], 1],
        [[b, c, d, a], 1],
      ];
}

function findIn(image: GreyImage, cheque: Quad): FoundAmount | null {
  const height = Math.round(WIDTH / Math.max(1, aspectOf(cheque)));
  const toImage = homography(quadOf(WIDTH, height), cheque);
  const size = { width: WIDTH, height };
  const { x0, y0, x1, y1 } = frameArea(size);
  const area = compose(toImage, [1, 0, x0, 0, 1, y0, 0, 0, 1]);
  const frame = findFrame(straightened(image, area, x1 - x0, y1 - y0), size);
  if (!frame) return null;
  const corners = mapQuad(toImage, quadOf(frame.x1 - frame.x0, frame.y1 - frame.y0, frame.x0, frame.y0));
  const room = withRoom(frame);
  const place = quadOf(room.x1 - room.x0, room.y1 - room.y0, room.x0, room.y0);
  const width = Math.round((LINE_HEIGHT * (room.x1 - room.x0)) / (room.y1 - room.y0));
  const lineToImage = compose(toImage, homography(quadOf(width, LINE_HEIGHT), place));
  return {
    cheque,
    frame: corners,
    box: boundsOf(mapQuad(toImage, place), image),
    score: frame.score,
    line: straightened(image, lineToImage, width, LINE_HEIGHT),
    lineFrame: placed(frame, room, LINE_HEIGHT / (room.y1 - room.y0)),
    toImage: lineToImage,
  };
}

function withRoom({ x0, y0, x1, y1 }: Frame): Box {
  const high = y1 - y0;
  return {
    x0: x0 - ROOM.left * high,
    y0: y0 - ROOM.top * high,
    x1: x1 + ROOM.right * high,
    y1: y1 + ROOM.bottom * high,
  };
}

/** A box of the cheque in a line that is the cheque's `room`, `scale` times larger. */
const placed = ({ x0, y0, x1, y1 }: Box, room: Box, scale: number): Box => ({
  x0: (x0 - room.x0) * scale,
  y0: (y0 - room.y0) * scale,
  x1: (x1 - room.x0) * scale,
  y1: (y1 - room.y0) * scale,
});

function boundsOf(quad: Quad, { width, height }: GreyImage): Box {
  const xs = quad.map((p) => p.x);
  const ys = quad.map((p) => p.y);
  return {
    x0: Math.max(0, Math.min(...xs)),
    y0: Math.max(0, Math.min(...ys)),
    x1: Math.min(width, Math.max(...xs)),
    y1: Math.min(height, Math.max(...ys)),
  };
}

/** The picture under the map, averaged down first where that makes it smaller. */
function straightened(image: GreyImage, toImage: Homography, width: number, height: number): GreyImage {
  const [a, b] = mapQuad(toImage, quadOf(width, height));
  const factor = Math.max(1, Math.floor(Math.hypot(a.x - b.x, a.y - b.y) / width + 0.2));
  if (factor === 1) return warp(image, toImage, width, height);
  const scale = 1 / factor;
  return warp(shrink(image, factor), compose([scale, 0, 0, 0, scale, 0, 0, 0, 1], toImage), width, height);
}
