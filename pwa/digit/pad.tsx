import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { dark } from '../settings.ts';
import { pictureProblem } from './photo.ts';
import { type Content, content, isEmpty, setStrokes } from './recognise.ts';
import { PEN, type Point, penStyle, type Stroke, trace } from './strokes.ts';

/** Backing pixels for one side, at most: enough for any screen, cheap to clear. */
const MOST_PIXELS = 1024;

const drawing = signal(false);

/** The drawing pad: pen, finger or mouse. What is on it is `content`. */
export function Pad() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    pen = null;
    const element = canvas.current!;
    const side = signal(0);
    const observer = new ResizeObserver(() => {
      side.value = Math.min(MOST_PIXELS, Math.round(element.clientWidth * devicePixelRatio));
    });
    observer.observe(element);
    let frame = 0;
    const stop = effect(() => {
      dark.value;
      const [pixels, current] = [side.value, content.value];
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => paint(element, pixels, current));
    });
    return () => {
      stop();
      observer.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);
  return (
    <div class="pad" data-drawing={drawing.value}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t.value.digit.padLabel}
        onPointerDown={begin}
        onPointerMove={extend}
        onPointerUp={finish}
        onPointerCancel={finish}
      />
      {isEmpty.value && (
        <p class="pad-hint" aria-hidden="true">
          <span>{t.value.digit.padHint}</span>
        </p>
      )}
    </div>
  );
}

function pointOf(event: PointerEvent, element: HTMLElement): Point {
  const box = element.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

const strokesNow = (): readonly Stroke[] => (content.value.kind === 'strokes' ? content.value.strokes : []);

/** The pointer that draws; others (a second finger, the palm) are ignored. */
let pen: number | null = null;

function begin(event: PointerEvent): void {
  if (pen !== null || event.button !== 0) return;
  const element = event.currentTarget as HTMLElement;
  pen = event.pointerId;
  element.setPointerCapture(pen);
  drawing.value = true;
  pictureProblem.value = null;
  setStrokes([...strokesNow(), [pointOf(event, element)]]);
}

function extend(event: PointerEvent): void {
  if (event.pointerId !== pen) return;
  const element = event.currentTarget as HTMLElement;
  const events = event.getCoalescedEvents?.() ?? [];
  const points = (events.length > 0 ? events : [event]).map((e) => pointOf(e, element));
  const strokes = strokesNow();
  const last = strokes[strokes.length - 1] ?? [];
  setStrokes([...strokes.slice(0, -1), [...last, ...points]]);
}

function finish(event: PointerEvent): void {
  if (event.pointerId !== pen) return;
  pen = null;
  drawing.value = false;
}

function paint(canvas: HTMLCanvasElement, side: number, current: Content): void {
  if (side === 0) return;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext('2d')!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, side, side);
  const colour = getComputedStyle(canvas).color;
  if (current.kind === 'picture') {
    paintInk(context, side, current.ink, colour);
    return;
  }
  context.setTransform(side, 0, 0, side, 0, 0);
  context.strokeStyle = colour;
  penStyle(context, PEN);
  for (const stroke of current.strokes) trace(context, stroke);
}

/** The picture's ink in the pad's colour, filling the middle of the pad. */
function paintInk(
  context: CanvasRenderingContext2D,
  side: number,
  { width, height, data }: { width: number; height: number; data: Uint8Array },
  colour: string,
): void {
  const sheet = document.createElement('canvas');
  sheet.width = width;
  sheet.height = height;
  const ink = sheet.getContext('2d')!;
  const pixels = ink.createImageData(width, height);
  data.forEach((v, i) => {
    pixels.data[4 * i + 3] = v;
  });
  ink.putImageData(pixels, 0, 0);
  ink.globalCompositeOperation = 'source-in';
  ink.fillStyle = colour;
  ink.fillRect(0, 0, width, height);
  const scale = (0.7 * side) / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  context.drawImage(sheet, (side - w) / 2, (side - h) / 2, w, h);
}
